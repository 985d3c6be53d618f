"""The demonstration of ``sentinel demo``: simulated history, then live traffic, observed."""
