"""Sliding windows over an entity's events: individual recent events, tiles of older ones, and distinct counts."""
