"""Parse durations such as ``90 s``, ``10 min``, ``1 h`` or ``7 d``."""

from __future__ import annotations

import re

from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS

MAX_DURATION_MS = 30 * DAY_MS
"""Thirty days: how long profiles of users are kept."""

_UNITS_MS = {"s": 1_000, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DURATION = re.compile(r"([0-9]{1,9}) ?(s|min|h|d)")


def duration_ms(text: str) -> int:
    """Parse a duration to milliseconds.

    Raises:
        ValueError: the text is no duration from 1 second to 30 days.
    """
    match = _DURATION.fullmatch(text)
    length = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < length <= MAX_DURATION_MS:
        raise ValueError(f"{text[:64]!r} is no duration from 1 s to 30 d, such as `90 s`, `10 min`, `1 h` or `7 d`")
    return length
