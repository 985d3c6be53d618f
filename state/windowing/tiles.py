"""Tiles: the older events of a hot key, as runs of neighboring events of which only aggregates are stored.

A tile is at most ``max(1 s, age / 12)`` wide, where its age is counted from its end to the newest event. A window that
starts between tiles is exact. A window that starts inside a tile takes a part of that tile: its events are assumed to
be evenly spread, and counts, sums and squares are split in that proportion. So the window's start is blurred by at most
a twelfth of the window, or one second. The smallest and the largest amount include the whole tile: they can be too
extreme by the events of that twelfth, and never too moderate. The first amount of the window is that of the tile.

The number of tiles is logarithmic in the window's length: tiles that may be one are merged, so two neighbors together
span more than a twelfth of their age. 30 days take at most about 350 tiles, in practice under 200.
Source: exponential histograms, Datar et al., "Maintaining stream statistics over sliding windows" (2002).
"""

from __future__ import annotations

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.types import Totals, Words
from state.windowing.raw_events import (
    BASE_DECLINED,
    BASE_EVENTS,
    BASE_SQUARES_HIGH,
    BASE_SQUARES_LOW,
    BASE_UNITS,
    event_amount,
)
from state.windowing.raw_events import DECLINED as EVENT_DECLINED
from state.windowing.raw_events import HEAD_WORDS as EVENT_HEAD_WORDS
from state.windowing.raw_events import SQUARES_HIGH as EVENT_SQUARES_HIGH
from state.windowing.raw_events import SQUARES_LOW as EVENT_SQUARES_LOW
from state.windowing.raw_events import TIME as EVENT_TIME
from state.windowing.raw_events import UNITS as EVENT_UNITS

RELATIVE_WIDTH = 12
"""The maximum width of a tile is its age divided by this, but at least ``FLOOR_MS``."""
FLOOR_MS = 1_000

FIRST, LAST, LOW, HIGH, OPENING, EVENTS, DECLINED, UNITS, SQUARES_HIGH, SQUARES_LOW = range(10)
"""Columns: first and last time (ms); smallest, largest and first amount; running totals up to the tile's end."""
TILE_COLUMNS = 10

TILE_COUNT = EVENT_HEAD_WORDS
"""Continues the head of the recent events: number of tiles, and the totals of the events before them."""
ORIGIN_EVENTS, ORIGIN_DECLINED, ORIGIN_UNITS, ORIGIN_SQUARES_HIGH, ORIGIN_SQUARES_LOW = range(
    TILE_COUNT + 1, TILE_COUNT + 6
)
HEAD_WORDS = TILE_COUNT + 6


@compiled
def _totals_before(head: Words, tiles: Words, row: int) -> Totals:
    """Return the totals of all events before a tile."""
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
def first_tile_after(head: Words, tiles: Words, moment: int) -> int:
    """Find the first tile that ends after a moment."""
    return first_after(tiles[LAST], head[TILE_COUNT], moment)


@compiled
def tile_totals_until(head: Words, tiles: Words, moment: int) -> Totals:
    """Estimate the totals of all events up to and including a moment, exact between tiles. O(log tiles)."""
    row = first_tile_after(head, tiles, moment)
    before = _totals_before(head, tiles, row)
    if row == head[TILE_COUNT] or tiles[FIRST, row] > moment:
        return before
    count, declined, units, high, low = before
    events = tiles[EVENTS, row] - count
    elapsed, length = moment - tiles[FIRST, row], tiles[LAST, row] - tiles[FIRST, row]
    # The first and the last event of the tile are on either side of the moment.
    passed = min(max((events * elapsed + length // 2) // length, 1), events - 1)
    part = passed / events
    square_high, square_low = int128.subtract(tiles[SQUARES_HIGH, row], tiles[SQUARES_LOW, row], high, low)
    part_high, part_low = int128.from_float(int128.to_float(square_high, square_low) * part)
    high, low = int128.add(high, low, part_high, part_low)
    return (
        count + passed,
        declined + round((tiles[DECLINED, row] - declined) * part),
        units + round((tiles[UNITS, row] - units) * part),
        high,
        low,
    )


@compiled
def tile_extremes(head: Words, tiles: Words, start: int, end: int) -> tuple[int, int, int]:
    """Return the smallest, largest and first amount of the tiles that overlap (``start``, ``end``].

    Without such a tile, the smallest amount is above the largest.
    """
    low, high, opening = 2**62, -(2**62), 0
    for row in range(head[TILE_COUNT] - 1, -1, -1):
        if tiles[LAST, row] <= start:
            break
        if tiles[FIRST, row] <= end:
            low, high = min(low, tiles[LOW, row]), max(high, tiles[HIGH, row])
            opening = tiles[OPENING, row]
    return low, high, opening


@compiled
def insert_into_tiles(head: Words, tiles: Words, time: int, declined: int, units: int) -> None:
    """Add a late event to the tile at its time, or as a new tile. Requires capacity for one more tile.

    The event is no newer than the newest tile.
    """
    row = first_tile_after(head, tiles, time - 1)
    if row == head[TILE_COUNT] or tiles[FIRST, row] > time:
        _open_tile(head, tiles, row, time, units)
    tiles[LOW, row] = min(tiles[LOW, row], units)
    tiles[HIGH, row] = max(tiles[HIGH, row], units)
    square_high, square_low = int128.multiply(units, units)
    for later in range(row, head[TILE_COUNT]):
        tiles[EVENTS, later] += 1
        tiles[DECLINED, later] += declined
        tiles[UNITS, later] += units
        tiles[SQUARES_HIGH, later], tiles[SQUARES_LOW, later] = int128.add(
            tiles[SQUARES_HIGH, later], tiles[SQUARES_LOW, later], square_high, square_low
        )


@compiled
def _open_tile(head: Words, tiles: Words, row: int, time: int, units: int) -> None:
    """Insert a tile without events."""
    for column in range(TILE_COLUMNS):
        for later in range(head[TILE_COUNT], row, -1):
            tiles[column, later] = tiles[column, later - 1]
    head[TILE_COUNT] += 1
    tiles[FIRST, row] = tiles[LAST, row] = time
    tiles[LOW, row] = tiles[HIGH, row] = tiles[OPENING, row] = units
    count, declined, total, high, low = _totals_before(head, tiles, row)
    tiles[EVENTS, row], tiles[DECLINED, row], tiles[UNITS, row] = count, declined, total
    tiles[SQUARES_HIGH, row], tiles[SQUARES_LOW, row] = high, low


@compiled
def compact_tiles(head: Words, events: Words, tiles: Words, rows: int, now: int) -> None:
    """Append the oldest recent events to the tiles, and merge tiles that are old enough. Requires capacity for them.

    Args:
        head: head of the history.
        events: recent events; not changed.
        tiles: written.
        rows: number of events to append.
        now: time of the newest event, ms.
    """
    if head[TILE_COUNT] == 0:
        head[ORIGIN_EVENTS], head[ORIGIN_DECLINED], head[ORIGIN_UNITS] = (
            head[BASE_EVENTS],
            head[BASE_DECLINED],
            head[BASE_UNITS],
        )
        head[ORIGIN_SQUARES_HIGH], head[ORIGIN_SQUARES_LOW] = head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW]
    count = 0
    for row in range(head[TILE_COUNT]):
        count = _append_tile(tiles, count, row, now)
    for row in range(rows):
        count = _append_event(head, events, tiles, count, row, now)
    head[TILE_COUNT] = count


@compiled
def _can_extend(tiles: Words, count: int, end: int, now: int) -> bool:
    """Whether the last of ``count`` tiles may extend to ``end``."""
    return count > 0 and end - tiles[FIRST, count - 1] <= max(FLOOR_MS, (now - end) // RELATIVE_WIDTH)


@compiled
def _append_tile(tiles: Words, count: int, row: int, now: int) -> int:
    if _can_extend(tiles, count, tiles[LAST, row], now):
        target = count - 1
        low, high = min(tiles[LOW, target], tiles[LOW, row]), max(tiles[HIGH, target], tiles[HIGH, row])
        first, opening = tiles[FIRST, target], tiles[OPENING, target]
    else:
        target = count
        low, high, first, opening = tiles[LOW, row], tiles[HIGH, row], tiles[FIRST, row], tiles[OPENING, row]
    for column in range(TILE_COLUMNS):
        tiles[column, target] = tiles[column, row]
    tiles[LOW, target], tiles[HIGH, target], tiles[FIRST, target], tiles[OPENING, target] = low, high, first, opening
    return target + 1


@compiled
def _append_event(head: Words, events: Words, tiles: Words, count: int, row: int, now: int) -> int:
    time, units = events[EVENT_TIME, row], event_amount(head, events, row)
    if _can_extend(tiles, count, time, now):
        target = count - 1
        tiles[LOW, target], tiles[HIGH, target] = min(tiles[LOW, target], units), max(tiles[HIGH, target], units)
    else:
        target = count
        tiles[FIRST, target] = time
        tiles[LOW, target] = tiles[HIGH, target] = tiles[OPENING, target] = units
    tiles[LAST, target] = time
    tiles[EVENTS, target] = head[BASE_EVENTS] + row + 1
    tiles[DECLINED, target] = events[EVENT_DECLINED, row]
    tiles[UNITS, target] = events[EVENT_UNITS, row]
    tiles[SQUARES_HIGH, target] = events[EVENT_SQUARES_HIGH, row]
    tiles[SQUARES_LOW, target] = events[EVENT_SQUARES_LOW, row]
    return target + 1


@compiled
def evict_tiles(head: Words, tiles: Words, moment: int) -> None:
    """Remove the tiles that end at or before a moment."""
    evicted = first_tile_after(head, tiles, moment)
    if not evicted:
        return
    count, declined, units, high, low = _totals_before(head, tiles, evicted)
    head[ORIGIN_EVENTS], head[ORIGIN_DECLINED], head[ORIGIN_UNITS] = count, declined, units
    head[ORIGIN_SQUARES_HIGH], head[ORIGIN_SQUARES_LOW] = high, low
    remaining = head[TILE_COUNT] - evicted
    for column in range(TILE_COLUMNS):
        for row in range(remaining):
            tiles[column, row] = tiles[column, row + evicted]
    head[TILE_COUNT] = remaining
