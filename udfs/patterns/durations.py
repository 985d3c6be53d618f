"""Spans of time as they are written: ``90 s``, ``10 min``, ``1 h``, ``7 d``."""

from __future__ import annotations

import re

MAXIMUM_MS = 30 * 86_400_000
"""Thirty days, as long as users are known."""

_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_WRITTEN = re.compile(r"([0-9]{1,9}) ?(s|min|h|d)")


def duration_ms(text: str) -> int:
    """Milliseconds.

    Raises:
        ValueError: it is none, or none between a second and 30 days.
    """
    found = _WRITTEN.fullmatch(text)
    length = int(found[1]) * _UNITS_MS[found[2]] if found else 0
    if not 0 < length <= MAXIMUM_MS:
        raise ValueError(f"{text[:64]!r} is no time from 1 s to 30 d, such as `90 s`, `10 min`, `1 h` or `7 d`")
    return length
