"""Profiles of users, merchants and devices."""
