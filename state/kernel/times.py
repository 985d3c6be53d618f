"""Durations and moments in milliseconds; moments are epoch milliseconds (UTC)."""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

NEVER = -(2**62)
"""A moment before all others."""
