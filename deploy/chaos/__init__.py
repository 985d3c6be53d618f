"""Faults under load on a stack of their own, and an account of what came of each: ``sentinel chaos``."""
