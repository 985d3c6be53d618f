"""Binary format of a user's behavior, in 64-bit words.

Payments per hour of the day (two in a word), the number of keys, the number of recent payments, kind and count of each
key (two in a word), each key with its values, and the columns of the recent payments. A key takes 12 bytes, a device
20, a cell 28; a recent payment takes 40.
"""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.types import Words
from state.profiles import frequency_table, geo_and_channel
from state.profiles.behavior import BEHAVIOR_WORDS, FREQUENCY_COUNT, HOURS, MAX_ROWS_PER_PAYMENT, RECENT_COUNT
from state.profiles.frequency_table import CELL, DEVICE

_HALF = 32  # bits
_KIND_SHIFT = 29  # half a word holds a key's kind in 3 bits above its count
_MAX_COUNT = (1 << _KIND_SHIFT) - 1
_PREFIX_WORDS = HOURS // 2 + 2
_SPARE_PAYMENTS = 2  # capacity for more in the array of restored recent payments

EMPTY_BEHAVIOR = bytes(8 * _PREFIX_WORDS)
"""Packed behavior of a new user."""


@compiled
def max_behavior_words(frequency_capacity: int, recent_capacity: int) -> int:
    """Return an upper bound of the words of packed behavior, by the capacities of its arrays."""
    return BEHAVIOR_WORDS + 4 * frequency_capacity + geo_and_channel.COLUMNS * recent_capacity


@compiled
def _value_count(kind: int) -> int:
    return (2 if kind == CELL else 1) if kind in (CELL, DEVICE) else 0


@compiled
def write_behavior(behavior: Words, frequencies: Words, recent: Words, words: Words) -> int:
    """Write behavior to ``words``, from the first on; return their number."""
    for pair in range(HOURS // 2):
        words[pair] = behavior[2 * pair] << _HALF | behavior[2 * pair + 1]
    words[HOURS // 2], words[HOURS // 2 + 1] = behavior[FREQUENCY_COUNT], behavior[RECENT_COUNT]
    count, position = behavior[FREQUENCY_COUNT], _PREFIX_WORDS
    for row in range(0, count, 2):
        words[position] = _kind_and_count(frequencies, row) << _HALF | (
            _kind_and_count(frequencies, row + 1) if row + 1 < count else 0
        )
        position += 1
    for row in range(count):
        words[position] = frequencies[frequency_table.KEY, row]
        position += 1
        for value in range(_value_count(frequencies[frequency_table.KIND, row])):
            words[position] = frequencies[frequency_table.FIRST_VALUE + value, row]
            position += 1
    for row in range(behavior[RECENT_COUNT]):
        for column in range(geo_and_channel.COLUMNS):
            words[position] = recent[column, row]
            position += 1
    return position


@compiled
def _kind_and_count(frequencies: Words, row: int) -> int:
    return frequencies[frequency_table.KIND, row] << _KIND_SHIFT | min(
        frequencies[frequency_table.COUNT, row], _MAX_COUNT
    )


@compiled
def packed_rows(words: Words) -> tuple[int, int]:
    """Return the capacities that packed behavior needs for frequencies and recent payments, with some to spare.

    The first is -1 if there are too few words for what they say.
    """
    if words.shape[0] < _PREFIX_WORDS:
        return -1, 0
    rows, recent = words[_PREFIX_WORDS - 2], words[_PREFIX_WORDS - 1]
    length = words.shape[0] - _PREFIX_WORDS
    # Neither may be so large that the sum overflows.
    if min(rows, recent) < 0 or max(rows, recent) > length or rows + geo_and_channel.COLUMNS * recent > length:
        return -1, 0
    return rows + 2 * MAX_ROWS_PER_PAYMENT, recent + _SPARE_PAYMENTS


@compiled
def read_behavior(behavior: Words, frequencies: Words, recent: Words, words: Words) -> int:
    """Read packed behavior into arrays with ``packed_rows``; return the number of words read, or -1 if they end early.

    Args:
        behavior: written.
        frequencies: written.
        recent: written.
        words: packed behavior.
    """
    mask = (1 << _HALF) - 1
    for pair in range(HOURS // 2):
        behavior[2 * pair], behavior[2 * pair + 1] = words[pair] >> _HALF & mask, words[pair] & mask
    behavior[FREQUENCY_COUNT], behavior[RECENT_COUNT] = words[HOURS // 2], words[HOURS // 2 + 1]
    count, position = behavior[FREQUENCY_COUNT], _PREFIX_WORDS
    kinds_position, position = position, position + (count + 1) // 2
    for row in range(count):
        half = words[kinds_position + row // 2] >> (0 if row % 2 else _HALF) & mask
        kind = half >> _KIND_SHIFT
        if position + 1 + _value_count(kind) > words.shape[0]:
            return -1
        (
            frequencies[frequency_table.KEY, row],
            frequencies[frequency_table.KIND, row],
            frequencies[frequency_table.COUNT, row],
        ) = (
            words[position],
            kind,
            half & _MAX_COUNT,
        )
        frequencies[frequency_table.FIRST_VALUE, row] = frequencies[frequency_table.SECOND_VALUE, row] = 0
        position += 1
        for value in range(_value_count(kind)):
            frequencies[frequency_table.FIRST_VALUE + value, row] = words[position]
            position += 1
    if position + geo_and_channel.COLUMNS * behavior[RECENT_COUNT] > words.shape[0]:
        return -1
    for row in range(behavior[RECENT_COUNT]):
        for column in range(geo_and_channel.COLUMNS):
            recent[column, row] = words[position]
            position += 1
    return position
