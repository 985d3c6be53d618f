"""Chaos experiments: faults under load on an ephemeral stack, and a reconciliation of each. ``sentinel chaos``."""
