"""The older past of a hot key as bytes: of the tiles' and the parties' 64-bit columns, what fits into 32 bits.

Times are stored as distances from the oldest, counts as differences, amounts in whole currency units or hundredths
where all of them are. A word in front tells in which unit; or 0 where something does not fit (a lateness of weeks, an
amount of 4 billion): then the columns are stored as they are.
"""

from __future__ import annotations

from state.kernel.jit import compiled
from state.windowing import distinct, tiles
from state.windowing.distinct import KEY, PARTIES
from state.windowing.distinct import LAST as LAST_SEEN
from state.windowing.raw_events import Words
from state.windowing.tiles import (
    DECLINED,
    EVENTS,
    FIRST,
    HIGH,
    LAST,
    LOW,
    OPENING,
    SQUARES_HIGH,
    SQUARES_LOW,
    TILES,
    UNITS,
)

_HALF = 32
_MASK = (1 << _HALF) - 1
_WORDS_A_TILE = 7

COARSEST = 10_000
"""Amounts are counted in units of 1e-4: this is a whole currency unit."""


@compiled
def finer(unit: int, amount: int) -> int:
    """The coarsest of 10,000, 100 and 1 that is not over ``unit`` and divides an amount."""
    while amount % unit:
        unit //= 100
    return unit


@compiled
def words_needed(head: Words, narrow: bool) -> int:
    """How many words tiles and parties take, with the one in front and, if narrow, the one behind."""
    count, parties = head[TILES], head[PARTIES]
    if not count:
        return 0
    if narrow:
        return 2 + _WORDS_A_TILE * count + parties + (parties + 1) // 2
    return 1 + tiles.COLUMNS * count + distinct.COLUMNS * parties


@compiled
def _unit(head: Words, older: Words, parties: Words) -> int:
    """The unit that amounts fit in; 0 if something does not fit."""
    count, known = head[TILES], head[PARTIES]
    oldest, newest = older[FIRST, 0], older[LAST, count - 1]
    if known:
        oldest, newest = min(oldest, parties[LAST_SEEN, 0]), max(newest, parties[LAST_SEEN, known - 1])
    if newest - oldest > _MASK:
        return 0
    before, unit, largest = head[tiles.ORIGIN_EVENTS], COARSEST, 0
    for row in range(count):
        if older[EVENTS, row] - before > _MASK:
            return 0
        before, largest = older[EVENTS, row], max(largest, older[HIGH, row])
        unit = finer(finer(finer(unit, older[LOW, row]), older[HIGH, row]), older[OPENING, row])
    return unit if largest // unit <= _MASK else 0


@compiled
def pack(head: Words, older: Words, parties: Words, words: Words, at: int) -> int:
    """Write tiles and parties from a place on, if there are any tiles; say where they end."""
    count, known = head[TILES], head[PARTIES]
    if not count:
        return at
    unit = _unit(head, older, parties)
    words[at] = unit
    at += 1
    if not unit:
        for column in range(tiles.COLUMNS):
            for row in range(count):
                words[at] = older[column, row]
                at += 1
        for column in range(distinct.COLUMNS):
            for row in range(known):
                words[at] = parties[column, row]
                at += 1
        return at
    events, declined = head[tiles.ORIGIN_EVENTS], head[tiles.ORIGIN_DECLINED]
    oldest = _oldest(head, older, parties)
    for row in range(count):
        words[at] = (older[FIRST, row] - oldest) << _HALF | (older[LAST, row] - oldest)
        words[at + 1] = older[LOW, row] // unit << _HALF | older[HIGH, row] // unit
        words[at + 2] = older[OPENING, row] // unit << _HALF | (older[EVENTS, row] - events)
        words[at + 3] = older[DECLINED, row] - declined
        words[at + 4], words[at + 5] = older[UNITS, row], older[SQUARES_HIGH, row]
        words[at + 6] = older[SQUARES_LOW, row]
        events, declined = older[EVENTS, row], older[DECLINED, row]
        at += _WORDS_A_TILE
    for row in range(known):
        words[at] = parties[KEY, row]
        at += 1
    for row in range(0, known, 2):
        later = parties[LAST_SEEN, row + 1] - oldest if row + 1 < known else 0
        words[at] = (parties[LAST_SEEN, row] - oldest) << _HALF | later
        at += 1
    # Behind them the time that all are counted from.
    words[at] = oldest
    return at + 1


@compiled
def _oldest(head: Words, older: Words, parties: Words) -> int:
    return min(older[FIRST, 0], parties[LAST_SEEN, 0]) if head[PARTIES] else older[FIRST, 0]


@compiled
def unpack(head: Words, words: Words, at: int, older: Words, parties: Words) -> None:
    """What ``pack`` wrote from ``at`` to the end: as many words as ``words_needed`` says."""
    count, known = head[TILES], head[PARTIES]
    unit = words[at]
    at += 1
    if not unit:
        for column in range(tiles.COLUMNS):
            for row in range(count):
                older[column, row] = words[at]
                at += 1
        for column in range(distinct.COLUMNS):
            for row in range(known):
                parties[column, row] = words[at]
                at += 1
        return
    oldest = words[words.shape[0] - 1]
    events, declined = head[tiles.ORIGIN_EVENTS], head[tiles.ORIGIN_DECLINED]
    for row in range(count):
        older[FIRST, row], older[LAST, row] = oldest + (words[at] >> _HALF & _MASK), oldest + (words[at] & _MASK)
        older[LOW, row] = (words[at + 1] >> _HALF & _MASK) * unit
        older[HIGH, row] = (words[at + 1] & _MASK) * unit
        older[OPENING, row] = (words[at + 2] >> _HALF & _MASK) * unit
        events += words[at + 2] & _MASK
        declined += words[at + 3]
        older[EVENTS, row], older[DECLINED, row] = events, declined
        older[UNITS, row], older[SQUARES_HIGH, row] = words[at + 4], words[at + 5]
        older[SQUARES_LOW, row] = words[at + 6]
        at += _WORDS_A_TILE
    for row in range(known):
        parties[KEY, row] = words[at]
        at += 1
    for row in range(known):
        half = words[at + row // 2] >> (0 if row % 2 else _HALF) & _MASK
        parties[LAST_SEEN, row] = oldest + half
