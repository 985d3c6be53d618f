"""The older past of a hot key, as tiles: runs of neighbouring events of which only totals are kept.

A tile is never wider than ``max(1 s, age / 12)``, its age counted from its end to the newest event. So a window whose
start falls inside a tile is wrong by a part of that one tile: the start is blurred by at most a twelfth of the window
(or one second), the tile's events are taken to lie evenly over it, and counts, sums and squares are split in that
proportion. Windows that start between tiles are exact. The largest and the smallest take the whole of the tile that
the window starts in: they are never too mild, and too wild only by what happened in that twelfth.

The number of tiles is bounded by the logarithm of the window's length: two neighbours that could be one become one, so
any two span more than a twelfth of their age, and 30 days take at most about 350 tiles and in practice under 200.
Source: exponential histograms, Datar et al., "Maintaining stream statistics over sliding windows" (2002).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from state.packing import join_sections, pack_column, split_sections, unpack_column

RELATIVE_WIDTH = 12
"""A tile is at most its age over this wide..."""
FLOOR_MS = 1_000
"""...or this, whichever is more."""

LATE_KEPT = 8
"""Late events that wait: to take one in costs as much as a query of hundreds."""

_BEYOND = 2**62


class Totals(NamedTuple):
    """What some events add up to: how many, how many declined, units, squared units, smallest and largest amount."""

    events: int
    declined: int
    units: int
    squares: int
    low: int
    high: int


NOTHING = Totals(0, 0, 0, 0, _BEYOND, -_BEYOND)

# A tile is a tuple of its first and last time (ms) and its totals.
Tile = tuple[int, int, int, int, int, int, int, int]


class Tiles:
    """Tiles in order of time, none overlapping; a few late events wait beside them until taking them in is worth it."""

    __slots__ = ("_ends", "_late", "_packed", "_since", "_tiles")

    def __init__(self, tiles: Sequence[Tile] = (), late: Sequence[Tile] = ()) -> None:
        self._late = list(late)
        self._hold(list(tiles))

    def _hold(self, tiles: list[Tile]) -> None:
        self._tiles = tiles
        self._packed: bytes | None = None
        _, ends, *totals = _columns(tiles)
        self._ends = ends
        # For queries: the totals from each tile to the newest, and nothing beyond the newest.
        *sums, lows, highs = (column[::-1] for column in totals)
        since = [
            *(list(accumulate(column, initial=0))[::-1] for column in sums),
            list(accumulate(lows, min, initial=_BEYOND))[::-1],
            list(accumulate(highs, max, initial=-_BEYOND))[::-1],
        ]
        self._since = [*map(Totals, *since)]

    def __len__(self) -> int:
        return len(self._tiles)

    @property
    def end(self) -> int:
        """Time of the newest event in a tile."""
        return self._ends[-1]

    def after(self, start: int) -> Totals:
        """Totals of all after ``start`` (ms). O(log tiles)."""
        since = self._settled_after(start)
        return since if not self._late else _with(since, self._late, start, _BEYOND)

    def _settled_after(self, start: int) -> Totals:
        i = bisect_right(self._ends, start)
        since = self._since[i]
        if not since.events or self._tiles[i][0] > start:
            return since
        first, last, events, declined, units, squares, _, _ = self._tiles[i]
        gone = _gone(first, last, events, start)
        return Totals(
            since.events - gone,
            since.declined - (declined * gone + events // 2) // events,
            since.units - units * gone // events,
            since.squares - squares * gone // events,
            since.low,
            since.high,
        )

    def events_after(self, start: int) -> int:
        """How many events are after ``start`` (ms). O(log tiles)."""
        i = bisect_right(self._ends, start)
        events = self._since[i][0]
        if events:
            first, last, count, *_ = self._tiles[i]
            if first <= start:
                events -= _gone(first, last, count, start)
        for late in self._late:
            if late[0] > start:
                events += late[2]
        return events

    def between(self, start: int, end: int, *, extremes: bool = True) -> Totals:
        """Totals of all after ``start``, up to and including ``end``, for late events only.

        O(tiles) with the smallest and the largest, else O(log tiles).
        """
        low, high = _BEYOND, -_BEYOND
        if extremes:
            touched = [tile for tile in self._tiles[bisect_right(self._ends, start) :] if tile[0] <= end]
            low = min((tile[-2] for tile in touched), default=_BEYOND)
            high = max((tile[-1] for tile in touched), default=-_BEYOND)
        since, beyond = self._settled_after(start), self._settled_after(end)
        settled = Totals(
            since.events - beyond.events,
            since.declined - beyond.declined,
            since.units - beyond.units,
            since.squares - beyond.squares,
            low,
            high,
        )
        return _with(settled, self._late, start, end)

    def append(self, fresh: Sequence[Tile], now: int) -> None:
        """Take tiles in order of time, all after the newest one, and merge what may be."""
        self._settle()
        merged: list[Tile] = []
        first = end = -_BEYOND
        for tile in (*self._tiles, *fresh):
            end = tile[1]
            if merged and end - first <= max(FLOOR_MS, (now - end) // RELATIVE_WIDTH):
                merged[-1] = _joined(merged[-1], tile)
            else:
                merged.append(tile)
                first = tile[0]
        self._hold(merged)

    def insert(self, time: int, totals: Totals) -> None:
        """Take a late event."""
        self._late.append((time, time, *totals))
        if len(self._late) > LATE_KEPT:
            self._settle()

    def _settle(self) -> None:
        """Take the late events in: into the tile that spans its time, or as a tile of its own."""
        if not self._late:
            return
        tiles, ends = self._tiles, self._ends
        for late in self._late:
            time = late[0]
            i = bisect_left(ends, time)
            if i < len(tiles) and tiles[i][0] <= time:
                _, _, *totals = late
                tiles[i] = _joined(tiles[i], (time, tiles[i][1], *totals))  # type: ignore[arg-type]  # as many as it has
            else:
                tiles.insert(i, late)
                ends.insert(i, time)
        self._late = []
        self._hold(tiles)

    def forget_until(self, moment: int) -> None:
        """Drop the tiles that end at or before ``moment``."""
        self._late = [late for late in self._late if late[0] > moment]
        old = bisect_right(self._ends, moment)
        if old:
            self._hold(self._tiles[old:])

    def pack(self) -> bytes:
        """Some 35 bytes a tile. Kept until the tiles change, which is once in hundreds of events."""
        if self._packed is None:
            self._packed = _pack(self._tiles)
        return join_sections((self._packed, _pack(self._late) if self._late else b""))

    @classmethod
    def unpack(cls, data: bytes) -> Tiles:
        """What ``pack`` packed."""
        settled, late = split_sections(data)
        return cls(_unpack(settled), _unpack(late))


def tiles_of(
    times: Sequence[int], sums: Sequence[int], squares: Sequence[int], declined: bytes | bytearray, now: int
) -> list[Tile]:
    """Neighbouring events as tiles.

    Args:
        times: event times, ascending, ms.
        sums: running totals of the amounts, from before the first event on; may go on beyond the last.
        squares: likewise of their squares.
        declined: 1 for a declined event, else 0.
        now: time of the newest event there is, ms.
    """
    tiles = []
    start, count = 0, len(times)
    while start < count:
        first = times[start]
        # A tile's age is counted from its end, which is younger than its beginning by its width.
        width = max(FLOOR_MS, (now - first) // (RELATIVE_WIDTH + 1))
        end = bisect_right(times, first + width, start)
        amounts = [after - before for before, after in pairwise(sums[start : end + 1])]
        totals = Totals(
            end - start,
            declined.count(1, start, end),
            sums[end] - sums[start],
            squares[end] - squares[start],
            min(amounts),
            max(amounts),
        )
        tiles.append((first, times[end - 1], *totals))
        start = end
    return tiles


def _gone(first: int, last: int, events: int, start: int) -> int:
    """How many of a tile's events are up to ``start``, which lies in it; its ends are events, on either side of it."""
    length = last - first
    return min(max((events * (start - first) + length // 2) // length, 1), events - 1)


def _with(totals: Totals, late: Sequence[Tile], start: int, end: int) -> Totals:
    """The totals and what is late after ``start``, up to and including ``end``."""
    events, declined, units, squares, low, high = totals
    for time, _, count, refused, amount, square, least, most in late:
        if start < time <= end:
            events += count
            declined += refused
            units += amount
            squares += square
            low = least if least < low else low
            high = most if most > high else high
    return Totals(events, declined, units, squares, low, high)


def _pack(tiles: Sequence[Tile]) -> bytes:
    return join_sections([pack_column(column) for column in _columns(tiles)])


def _unpack(data: bytes) -> list[Tile]:
    return list(zip(*map(unpack_column, split_sections(data)), strict=True)) if data else []


def _columns(tiles: Sequence[Tile]) -> list[list[int]]:
    return [list(column) for column in zip(*tiles, strict=True)] or [[] for _ in range(2 + len(NOTHING))]


def _joined(tile: Tile, later: Tile) -> Tile:
    first, _, events, declined, units, squares, low, high = tile
    _, last, *others = later
    return (
        first,
        last,
        events + others[0],
        declined + others[1],
        units + others[2],
        squares + others[3],
        min(low, others[4]),
        max(high, others[5]),
    )
