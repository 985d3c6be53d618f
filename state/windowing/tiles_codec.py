"""Binary format of a hot key's older events: tiles and counterparties, in 64-bit words.

The first word is the unit of the amounts: 10,000, 100 or 1, the largest that divides all of them. In this narrow format
times are stored as 32-bit distances from the oldest, counts as differences, amounts in 32 bits, and the last word is
the oldest time. If a value does not fit (a lateness of weeks, an amount of 4 billion), the first word is 0 and the
columns follow unchanged.
"""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.types import Words
from state.windowing.distinct import COUNTERPARTY_COLUMNS, COUNTERPARTY_COUNT, KEY
from state.windowing.distinct import LAST as LAST_SEEN
from state.windowing.tiles import (
    DECLINED,
    EVENTS,
    FIRST,
    HIGH,
    LAST,
    LOW,
    OPENING,
    ORIGIN_DECLINED,
    ORIGIN_EVENTS,
    SQUARES_HIGH,
    SQUARES_LOW,
    TILE_COLUMNS,
    TILE_COUNT,
    UNITS,
)

_HALF = 32
_MASK = (1 << _HALF) - 1
_TILE_WORDS = 7

COARSEST_UNIT = 10_000
"""One currency unit, in units of 1e-4."""


@compiled
def coarsest_unit(unit: int, amount: int) -> int:
    """Return the largest of 10,000, 100 and 1 that is at most ``unit`` and divides an amount."""
    while amount % unit:
        unit //= 100
    return unit


@compiled
def tile_words(head: Words, is_narrow: bool) -> int:
    """Return the number of words of packed tiles and counterparties; 0 without tiles."""
    count, keys = head[TILE_COUNT], head[COUNTERPARTY_COUNT]
    if not count:
        return 0
    if is_narrow:
        return 2 + _TILE_WORDS * count + keys + (keys + 1) // 2
    return 1 + TILE_COLUMNS * count + COUNTERPARTY_COLUMNS * keys


@compiled
def _unit(head: Words, tiles: Words, counterparties: Words) -> int:
    """Return the unit of the narrow format; 0 if a value does not fit."""
    count, keys = head[TILE_COUNT], head[COUNTERPARTY_COUNT]
    oldest, newest = tiles[FIRST, 0], tiles[LAST, count - 1]
    if keys:
        oldest, newest = min(oldest, counterparties[LAST_SEEN, 0]), max(newest, counterparties[LAST_SEEN, keys - 1])
    if newest - oldest > _MASK:
        return 0
    previous, unit, largest = head[ORIGIN_EVENTS], COARSEST_UNIT, 0
    for row in range(count):
        if tiles[EVENTS, row] - previous > _MASK:
            return 0
        previous, largest = tiles[EVENTS, row], max(largest, tiles[HIGH, row])
        unit = coarsest_unit(coarsest_unit(coarsest_unit(unit, tiles[LOW, row]), tiles[HIGH, row]), tiles[OPENING, row])
    return unit if largest // unit <= _MASK else 0


@compiled
def write_tiles(head: Words, tiles: Words, counterparties: Words, words: Words, position: int) -> int:
    """Write tiles and counterparties from a position on, if there are tiles; return the end position."""
    count, keys = head[TILE_COUNT], head[COUNTERPARTY_COUNT]
    if not count:
        return position
    unit = _unit(head, tiles, counterparties)
    words[position] = unit
    position += 1
    if not unit:
        for column in range(TILE_COLUMNS):
            for row in range(count):
                words[position] = tiles[column, row]
                position += 1
        for column in range(COUNTERPARTY_COLUMNS):
            for row in range(keys):
                words[position] = counterparties[column, row]
                position += 1
        return position
    events, declined = head[ORIGIN_EVENTS], head[ORIGIN_DECLINED]
    oldest = _oldest(head, tiles, counterparties)
    for row in range(count):
        words[position] = (tiles[FIRST, row] - oldest) << _HALF | (tiles[LAST, row] - oldest)
        words[position + 1] = tiles[LOW, row] // unit << _HALF | tiles[HIGH, row] // unit
        words[position + 2] = tiles[OPENING, row] // unit << _HALF | (tiles[EVENTS, row] - events)
        words[position + 3] = tiles[DECLINED, row] - declined
        words[position + 4], words[position + 5] = tiles[UNITS, row], tiles[SQUARES_HIGH, row]
        words[position + 6] = tiles[SQUARES_LOW, row]
        events, declined = tiles[EVENTS, row], tiles[DECLINED, row]
        position += _TILE_WORDS
    for row in range(keys):
        words[position] = counterparties[KEY, row]
        position += 1
    for row in range(0, keys, 2):
        second = counterparties[LAST_SEEN, row + 1] - oldest if row + 1 < keys else 0
        words[position] = (counterparties[LAST_SEEN, row] - oldest) << _HALF | second
        position += 1
    words[position] = oldest
    return position + 1


@compiled
def _oldest(head: Words, tiles: Words, counterparties: Words) -> int:
    return min(tiles[FIRST, 0], counterparties[LAST_SEEN, 0]) if head[COUNTERPARTY_COUNT] else tiles[FIRST, 0]


@compiled
def read_tiles(head: Words, words: Words, position: int, tiles: Words, counterparties: Words) -> None:
    """Read tiles and counterparties from a position on; the words must end with them.

    Args:
        head: head of the history, which has their numbers.
        words: packed history, (position + ``tile_words``,).
        position: index of their first word.
        tiles: written.
        counterparties: written.
    """
    count, keys = head[TILE_COUNT], head[COUNTERPARTY_COUNT]
    unit = words[position]
    position += 1
    if not unit:
        for column in range(TILE_COLUMNS):
            for row in range(count):
                tiles[column, row] = words[position]
                position += 1
        for column in range(COUNTERPARTY_COLUMNS):
            for row in range(keys):
                counterparties[column, row] = words[position]
                position += 1
        return
    oldest = words[words.shape[0] - 1]
    events, declined = head[ORIGIN_EVENTS], head[ORIGIN_DECLINED]
    for row in range(count):
        tiles[FIRST, row], tiles[LAST, row] = (
            oldest + (words[position] >> _HALF & _MASK),
            oldest + (words[position] & _MASK),
        )
        tiles[LOW, row] = (words[position + 1] >> _HALF & _MASK) * unit
        tiles[HIGH, row] = (words[position + 1] & _MASK) * unit
        tiles[OPENING, row] = (words[position + 2] >> _HALF & _MASK) * unit
        events += words[position + 2] & _MASK
        declined += words[position + 3]
        tiles[EVENTS, row], tiles[DECLINED, row] = events, declined
        tiles[UNITS, row], tiles[SQUARES_HIGH, row] = words[position + 4], words[position + 5]
        tiles[SQUARES_LOW, row] = words[position + 6]
        position += _TILE_WORDS
    for row in range(keys):
        counterparties[KEY, row] = words[position]
        position += 1
    for row in range(keys):
        half = words[position + row // 2] >> (0 if row % 2 else _HALF) & _MASK
        counterparties[LAST_SEEN, row] = oldest + half
