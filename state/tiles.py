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

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from state.packing import join_sections, pack_integers, split_sections, unpack_integers

RELATIVE_WIDTH = 12
"""A tile is at most its age over this wide..."""
FLOOR_MS = 1_000
"""...or this, whichever is more."""

_WIDE = 16  # bytes of a sum of squares: those of 1e8 amounts of 1e11 fit


class Totals(NamedTuple):
    """What some events add up to: how many, units, squared units, how many declined, smallest and largest amount."""

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of totals
    units: int
    squares: int
    declined: int
    low: int
    high: int

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(
            self.count + other.count,
            self.units + other.units,
            self.squares + other.squares,
            self.declined + other.declined,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    def less(self, other: Totals) -> Totals:
        """This one without the other, a part of it; the extremes stay as they are."""
        return Totals(
            self.count - other.count,
            self.units - other.units,
            self.squares - other.squares,
            self.declined - other.declined,
            self.low,
            self.high,
        )

    def part(self, length: int, whole: int) -> Totals:
        """The share ``length / whole`` of the events, in whole events, alike in every total.

        At least one event is in the part and one is not: the ends of a tile are events, on either side of the cut.
        """
        count = min(max((self.count * length + whole // 2) // whole, 1), self.count - 1)
        return Totals(
            count,
            self.units * count // self.count,
            self.squares * count // self.count,
            (self.declined * count + self.count // 2) // self.count,
            self.low,
            self.high,
        )


NOTHING = Totals(0, 0, 0, 0, 2**62, -(2**62))


class Tile(NamedTuple):
    """A run of events: its first and last time (ms) and its totals."""

    first: int
    last: int
    totals: Totals


class Tiles:
    """Tiles in order of time, none overlapping."""

    __slots__ = ("_ends", "_packed", "_since", "tiles")

    def __init__(self, tiles: Sequence[Tile] = ()) -> None:
        self.tiles = list(tiles)
        self._index()

    def _index(self) -> None:
        """What queries bisect: the end of each tile, and the totals from each tile to the newest."""
        self._ends = [tile.last for tile in self.tiles]
        newest_first = accumulate((tile.totals for tile in reversed(self.tiles)), Totals.plus, initial=NOTHING)
        self._since = list(newest_first)[::-1]
        self._packed: bytes | None = None

    @property
    def end(self) -> int:
        """Time of the newest event in a tile."""
        return self._ends[-1]

    def after(self, start: int) -> Totals:
        """Totals of all after ``start`` (ms). O(log tiles)."""
        i = bisect_right(self._ends, start)
        since = self._since[i]
        if since.count:
            first, last, totals = self.tiles[i]
            if first <= start:
                return since.less(totals.part(start - first, last - first))
        return since

    def between(self, start: int, end: int) -> Totals:
        """Totals of all after ``start``, up to and including ``end``. O(tiles), for late events only."""
        touched = [tile.totals for tile in self.tiles[bisect_right(self._ends, start) :] if tile.first <= end]
        low = min((totals.low for totals in touched), default=NOTHING.low)
        high = max((totals.high for totals in touched), default=NOTHING.high)
        return self.after(start).less(self.after(end))._replace(low=low, high=high)

    def append(self, fresh: Sequence[Tile], now: int) -> None:
        """Take tiles in order of time, all after the newest one, and merge what may be."""
        merged: list[Tile] = []
        for tile in (*self.tiles, *fresh):
            if merged and tile.last - merged[-1].first <= max(FLOOR_MS, (now - tile.last) // RELATIVE_WIDTH):
                before = merged[-1]
                merged[-1] = Tile(before.first, tile.last, before.totals.plus(tile.totals))
            else:
                merged.append(tile)
        self.tiles = merged
        self._index()

    def insert(self, time: int, totals: Totals) -> None:
        """Take a late event: into the tile that spans its time, or as a tile of its own."""
        i = bisect_left(self._ends, time)
        if i < len(self.tiles) and self.tiles[i].first <= time:
            first, last, others = self.tiles[i]
            self.tiles[i] = Tile(first, last, others.plus(totals))
        else:
            self.tiles.insert(i, Tile(time, time, totals))
        self._index()

    def forget_until(self, moment: int) -> None:
        """Drop the tiles that end at or before ``moment``."""
        del self.tiles[: bisect_right(self._ends, moment)]
        self._index()

    def pack(self) -> bytes:
        """Some 50 bytes a tile. Kept until the tiles change, which is once in hundreds of events."""
        if self._packed is None:
            totals = [tile.totals for tile in self.tiles]
            self._packed = join_sections(
                (
                    _pack_column(tile.first for tile in self.tiles),
                    _pack_column(tile.last for tile in self.tiles),
                    _pack_column(one.count for one in totals),
                    _pack_column(one.units for one in totals),
                    b"".join([one.squares.to_bytes(_WIDE, "little") for one in totals]),
                    _pack_column(one.declined for one in totals),
                    _pack_column(one.low for one in totals),
                    _pack_column(one.high for one in totals),
                )
            )
        return self._packed

    @classmethod
    def unpack(cls, data: bytes) -> Tiles:
        """What ``pack`` packed."""
        first, last, count, units, wide, declined, low, high = split_sections(data)
        squares = [int.from_bytes(wide[i : i + _WIDE], "little") for i in range(0, len(wide), _WIDE)]
        columns = (
            unpack_integers(count),
            unpack_integers(units),
            squares,
            *map(unpack_integers, (declined, low, high)),
        )
        return cls([*map(Tile, unpack_integers(first), unpack_integers(last), map(Totals, *columns))])


def tiles_of(
    times: Sequence[int], sums: Sequence[int], squares: Sequence[int], declines: Sequence[int], now: int
) -> list[Tile]:
    """Neighbouring events as tiles.

    Args:
        times: event times, ascending, ms.
        sums: running totals of the amounts, from before the first event on; may go on beyond the last.
        squares: likewise of their squares.
        declines: likewise of the declined.
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
            sums[end] - sums[start],
            squares[end] - squares[start],
            declines[end] - declines[start],
            min(amounts),
            max(amounts),
        )
        tiles.append(Tile(first, times[end - 1], totals))
        start = end
    return tiles


def _pack_column(values: Iterable[int]) -> bytes:
    return pack_integers(array("q", values))
