"""What an entity is known by: merchants, devices, countries, channels, places, each with how often it was seen.

One small table for all kinds. Of each kind so many are known at most; of too many, the one seen least often is
forgotten, of equals the one with the smallest key, and never the new one: what is usual has the largest count, of
equals the largest key, and so must never go.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled
from state.windowing.raw_events import Words

MERCHANT, DEVICE, COUNTRY, CHANNEL, CELL = range(5)
"""Kinds."""
CAPACITY = np.array([128, 32, 32, 8, 32])
"""How many of each kind are known at most."""

KIND, KEY, COUNT, EXTRA, MORE = range(5)
"""Columns: kind, key, how often seen; for a device, its first use (ms); for a cell, the sums of its latitudes and
longitudes (millionths of a degree)."""
COLUMNS = 5


@compiled
def find(known: Words, count: int, kind: int, key: int) -> int:
    """The row of a key, or -1."""
    for row in range(count):
        if known[KEY, row] == key and known[KIND, row] == kind:
            return row
    return -1


@compiled
def count_of(known: Words, count: int, kind: int, key: int) -> int:
    """How often a key was seen; 0 if it is not known."""
    row = find(known, count, kind, key)
    return known[COUNT, row] if row >= 0 else 0


@compiled
def update(known: Words, count: int, kind: int, key: int) -> tuple[int, int]:
    """See a key once more; its row, and how many rows there are now. There must be room."""
    row = find(known, count, kind, key)
    if row < 0:
        if _of_kind(known, count, kind) == CAPACITY[kind]:
            row = _least(known, count, kind)
        else:
            row, count = count, count + 1
        known[KIND, row], known[KEY, row] = kind, key
        known[COUNT, row] = known[EXTRA, row] = known[MORE, row] = 0
    known[COUNT, row] += 1
    return row, count


@compiled
def _of_kind(known: Words, count: int, kind: int) -> int:
    counted = 0
    for row in range(count):
        counted += known[KIND, row] == kind
    return counted


@compiled
def _least(known: Words, count: int, kind: int) -> int:
    least = -1
    for row in range(count):
        if known[KIND, row] == kind and (
            least < 0 or (known[COUNT, row], known[KEY, row]) < (known[COUNT, least], known[KEY, least])
        ):
            least = row
    return least
