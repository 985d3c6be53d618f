"""Spans and moments, in milliseconds; moments are counted from 1970, UTC."""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

NEVER = -(2**62)
"""A moment before all others."""
