"""The older past of a hot key, as tiles: runs of neighbouring events of which only totals are kept.

A tile is never wider than ``max(1 s, age / 12)``, its age counted from its end to the newest event. So a window whose
start falls inside a tile is wrong by a part of that one tile: the start is blurred by at most a twelfth of the window
(or one second), the tile's events are taken to lie evenly over it, and counts, sums and squares are split in that
proportion. Windows that start between tiles are exact. The smallest and the largest take the whole of the tile that
the window starts in: they are never too mild, and too wild only by what happened in that twelfth. The first amount of a
window is that of the tile's first event.

The number of tiles is bounded by the logarithm of the window's length: two neighbours that could be one become one, so
any two span more than a twelfth of their age, and 30 days take at most about 350 tiles and in practice under 200.
Source: exponential histograms, Datar et al., "Maintaining stream statistics over sliding windows" (2002).
"""

from __future__ import annotations

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after as place_after
from state.windowing.raw_events import (
    BASE_DECLINED,
    BASE_EVENTS,
    BASE_SQUARES_HIGH,
    BASE_SQUARES_LOW,
    BASE_UNITS,
    Totals,
    Words,
)
from state.windowing.raw_events import DECLINED as EVENT_DECLINED
from state.windowing.raw_events import HEAD as HEAD_OF_EVENTS
from state.windowing.raw_events import SQUARES_HIGH as EVENT_SQUARES_HIGH
from state.windowing.raw_events import SQUARES_LOW as EVENT_SQUARES_LOW
from state.windowing.raw_events import TIME as EVENT_TIME
from state.windowing.raw_events import UNITS as EVENT_UNITS
from state.windowing.raw_events import amount as amount_of_event

RELATIVE_WIDTH = 12
"""A tile is at most its age over this wide..."""
FLOOR_MS = 1_000
"""...or this, whichever is more."""

FIRST, LAST, LOW, HIGH, OPENING, EVENTS, DECLINED, UNITS, SQUARES_HIGH, SQUARES_LOW = range(10)
"""Columns: first and last time (ms), smallest, largest and first amount, and running totals up to its end."""
COLUMNS = 10

TILES = HEAD_OF_EVENTS
"""The head goes on: how many tiles there are, and the totals of all that was before them."""
ORIGIN_EVENTS, ORIGIN_DECLINED, ORIGIN_UNITS, ORIGIN_SQUARES_HIGH, ORIGIN_SQUARES_LOW = range(TILES + 1, TILES + 6)
HEAD = TILES + 6


@compiled
def totals_before(head: Words, tiles: Words, row: int) -> Totals:
    """Totals of all that ever was before a tile."""
    if row == 0:
        return (
            head[ORIGIN_EVENTS],
            head[ORIGIN_DECLINED],
            head[ORIGIN_UNITS],
            head[ORIGIN_SQUARES_HIGH],
            head[ORIGIN_SQUARES_LOW],
        )
    return (
        tiles[EVENTS, row - 1],
        tiles[DECLINED, row - 1],
        tiles[UNITS, row - 1],
        tiles[SQUARES_HIGH, row - 1],
        tiles[SQUARES_LOW, row - 1],
    )


@compiled
def first_after(head: Words, tiles: Words, moment: int) -> int:
    """The first tile that ends after a moment."""
    return place_after(tiles[LAST], head[TILES], moment)


@compiled
def totals_until(head: Words, tiles: Words, moment: int) -> Totals:
    """Totals of all up to and including a moment, as far as the tiles tell. O(log tiles)."""
    row = first_after(head, tiles, moment)
    before = totals_before(head, tiles, row)
    if row == head[TILES] or tiles[FIRST, row] > moment:
        return before
    count, declined, units, high, low = before
    events = tiles[EVENTS, row] - count
    begun, length = moment - tiles[FIRST, row], tiles[LAST, row] - tiles[FIRST, row]
    # Its ends are events, on either side of the moment.
    gone = min(max((events * begun + length // 2) // length, 1), events - 1)
    part = gone / events
    square_high, square_low = int128.subtract(tiles[SQUARES_HIGH, row], tiles[SQUARES_LOW, row], high, low)
    part_high, part_low = int128.from_float(int128.to_float(square_high, square_low) * part)
    high, low = int128.add(high, low, part_high, part_low)
    return (
        count + gone,
        declined + round((tiles[DECLINED, row] - declined) * part),
        units + round((tiles[UNITS, row] - units) * part),
        high,
        low,
    )


@compiled
def extremes(head: Words, tiles: Words, start: int, end: int) -> tuple[int, int, int]:
    """Of the tiles that have something after ``start`` and up to ``end``: smallest, largest and first amount.

    The smallest is above the largest where there are none.
    """
    low, high, opening = 2**62, -(2**62), 0
    for row in range(head[TILES] - 1, -1, -1):
        if tiles[LAST, row] <= start:
            break
        if tiles[FIRST, row] <= end:
            low, high = min(low, tiles[LOW, row]), max(high, tiles[HIGH, row])
            opening = tiles[OPENING, row]
    return low, high, opening


@compiled
def insert(head: Words, tiles: Words, time: int, declined: int, units: int) -> None:
    """Take a late event that is no newer than the newest tile: into its tile, or as one of its own. Needs room."""
    row = first_after(head, tiles, time - 1)
    if row == head[TILES] or tiles[FIRST, row] > time:
        _open(head, tiles, row, time, units)
    tiles[LOW, row] = min(tiles[LOW, row], units)
    tiles[HIGH, row] = max(tiles[HIGH, row], units)
    square_high, square_low = int128.multiply(units, units)
    for later in range(row, head[TILES]):
        tiles[EVENTS, later] += 1
        tiles[DECLINED, later] += declined
        tiles[UNITS, later] += units
        tiles[SQUARES_HIGH, later], tiles[SQUARES_LOW, later] = int128.add(
            tiles[SQUARES_HIGH, later], tiles[SQUARES_LOW, later], square_high, square_low
        )


@compiled
def _open(head: Words, tiles: Words, row: int, time: int, units: int) -> None:
    """Make a tile without events."""
    for column in range(COLUMNS):
        for later in range(head[TILES], row, -1):
            tiles[column, later] = tiles[column, later - 1]
    head[TILES] += 1
    tiles[FIRST, row] = tiles[LAST, row] = time
    tiles[LOW, row] = tiles[HIGH, row] = tiles[OPENING, row] = units
    count, declined, total, high, low = totals_before(head, tiles, row)
    tiles[EVENTS, row], tiles[DECLINED, row], tiles[UNITS, row] = count, declined, total
    tiles[SQUARES_HIGH, row], tiles[SQUARES_LOW, row] = high, low


@compiled
def take(head: Words, events: Words, tiles: Words, rows: int, now: int) -> None:
    """Turn the oldest events into tiles, and merge neighbours that have grown old enough to be one. Needs room.

    Args:
        head: of a history.
        events: those that are kept one by one; they stay.
        tiles: written.
        rows: how many of them.
        now: time of the newest event, ms.
    """
    if head[TILES] == 0:
        head[ORIGIN_EVENTS], head[ORIGIN_DECLINED], head[ORIGIN_UNITS] = (
            head[BASE_EVENTS],
            head[BASE_DECLINED],
            head[BASE_UNITS],
        )
        head[ORIGIN_SQUARES_HIGH], head[ORIGIN_SQUARES_LOW] = head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW]
    kept = 0
    for row in range(head[TILES]):
        kept = _take_tile(tiles, kept, row, now)
    for row in range(rows):
        kept = _take_event(head, events, tiles, kept, row, now)
    head[TILES] = kept


@compiled
def _belongs(tiles: Words, kept: int, end: int, now: int) -> bool:
    """Whether the tile before ``kept`` may reach to ``end``."""
    return kept > 0 and end - tiles[FIRST, kept - 1] <= max(FLOOR_MS, (now - end) // RELATIVE_WIDTH)


@compiled
def _take_tile(tiles: Words, kept: int, row: int, now: int) -> int:
    if _belongs(tiles, kept, tiles[LAST, row], now):
        into = kept - 1
        low, high = min(tiles[LOW, into], tiles[LOW, row]), max(tiles[HIGH, into], tiles[HIGH, row])
        first, opening = tiles[FIRST, into], tiles[OPENING, into]
    else:
        into = kept
        low, high, first, opening = tiles[LOW, row], tiles[HIGH, row], tiles[FIRST, row], tiles[OPENING, row]
    for column in range(COLUMNS):
        tiles[column, into] = tiles[column, row]
    tiles[LOW, into], tiles[HIGH, into], tiles[FIRST, into], tiles[OPENING, into] = low, high, first, opening
    return into + 1


@compiled
def _take_event(head: Words, events: Words, tiles: Words, kept: int, row: int, now: int) -> int:
    time, units = events[EVENT_TIME, row], amount_of_event(head, events, row)
    if _belongs(tiles, kept, time, now):
        into = kept - 1
        tiles[LOW, into], tiles[HIGH, into] = min(tiles[LOW, into], units), max(tiles[HIGH, into], units)
    else:
        into = kept
        tiles[FIRST, into] = time
        tiles[LOW, into] = tiles[HIGH, into] = tiles[OPENING, into] = units
    tiles[LAST, into] = time
    tiles[EVENTS, into] = head[BASE_EVENTS] + row + 1
    tiles[DECLINED, into] = events[EVENT_DECLINED, row]
    tiles[UNITS, into] = events[EVENT_UNITS, row]
    tiles[SQUARES_HIGH, into] = events[EVENT_SQUARES_HIGH, row]
    tiles[SQUARES_LOW, into] = events[EVENT_SQUARES_LOW, row]
    return into + 1


@compiled
def forget_until(head: Words, tiles: Words, moment: int) -> None:
    """Drop the tiles that end at or before a moment."""
    old = first_after(head, tiles, moment)
    if not old:
        return
    count, declined, units, high, low = totals_before(head, tiles, old)
    head[ORIGIN_EVENTS], head[ORIGIN_DECLINED], head[ORIGIN_UNITS] = count, declined, units
    head[ORIGIN_SQUARES_HIGH], head[ORIGIN_SQUARES_LOW] = high, low
    left = head[TILES] - old
    for column in range(COLUMNS):
        for row in range(left):
            tiles[column, row] = tiles[column, row + old]
    head[TILES] = left
