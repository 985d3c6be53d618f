"""Frequency table of an entity: how often it used each merchant, device, country, channel and geographic cell.

One small table holds all kinds, each up to a capacity. When a kind is full, a new key replaces the least frequent one,
of equals the one with the smallest key. The usual key is the most frequent one, of equals the one with the largest key,
so it is never replaced.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled
from state.kernel.types import Words

MERCHANT, DEVICE, COUNTRY, CHANNEL, CELL = range(5)
"""Kinds of keys."""
CAPACITY = np.array([128, 32, 32, 8, 32])
"""Maximum number of keys, by kind."""

KIND, KEY, COUNT, FIRST_VALUE, SECOND_VALUE = range(5)
"""Columns: kind, key, count, and two values that depend on the kind; 0 where a kind has none."""
FIRST_USE = FIRST_VALUE
"""Of a device: time of its first use (ms)."""
LATITUDE_SUM, LONGITUDE_SUM = FIRST_VALUE, SECOND_VALUE
"""Of a cell: sums of the latitudes and longitudes of its payments (millionths of a degree)."""
COLUMNS = 5


@compiled
def _find(frequencies: Words, count: int, kind: int, key: int) -> int:
    """Return the row of a key, or -1."""
    for row in range(count):
        if frequencies[KEY, row] == key and frequencies[KIND, row] == kind:
            return row
    return -1


@compiled
def count_of(frequencies: Words, count: int, kind: int, key: int) -> int:
    """Return the count of a key; 0 if it is not in the table."""
    row = _find(frequencies, count, kind, key)
    return frequencies[COUNT, row] if row >= 0 else 0


@compiled
def update(frequencies: Words, count: int, kind: int, key: int) -> tuple[int, int]:
    """Increment the count of a key, which is added if absent. Requires capacity for one more row.

    Returns:
        Row of the key, and number of rows.
    """
    row = _find(frequencies, count, kind, key)
    if row < 0:
        if _count_of_kind(frequencies, count, kind) == CAPACITY[kind]:
            row = _least_frequent(frequencies, count, kind)
        else:
            row, count = count, count + 1
        frequencies[KIND, row], frequencies[KEY, row] = kind, key
        frequencies[COUNT, row] = frequencies[FIRST_VALUE, row] = frequencies[SECOND_VALUE, row] = 0
    frequencies[COUNT, row] += 1
    return row, count


@compiled
def _count_of_kind(frequencies: Words, count: int, kind: int) -> int:
    total = 0
    for row in range(count):
        total += frequencies[KIND, row] == kind
    return total


@compiled
def _least_frequent(frequencies: Words, count: int, kind: int) -> int:
    least = -1
    for row in range(count):
        if frequencies[KIND, row] == kind and (
            least < 0
            or (frequencies[COUNT, row], frequencies[KEY, row]) < (frequencies[COUNT, least], frequencies[KEY, least])
        ):
            least = row
    return least
