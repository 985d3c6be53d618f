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
from itertools import accumulate
from typing import NamedTuple

from state.packing import join_sections, pack_integers, split_sections, unpack_integers

RELATIVE_WIDTH = 12
"""A tile is at most its age over this wide..."""
FLOOR_MS = 1_000
"""...or this, whichever is more."""

_WIDE = 16  # bytes of a sum of squares: those of 1e8 amounts of 1e11 fit


class Totals(NamedTuple):
    """What some events add up to: how many, units, squared units, how many declined."""

    count: int
    units: int
    squares: int
    declined: int

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(
            self.count + other.count,
            self.units + other.units,
            self.squares + other.squares,
            self.declined + other.declined,
        )

    def minus(self, other: Totals) -> Totals:
        """This one without the other."""
        return Totals(
            self.count - other.count,
            self.units - other.units,
            self.squares - other.squares,
            self.declined - other.declined,
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
        )


NOTHING = Totals(0, 0, 0, 0)


class Tile(NamedTuple):
    """A run of events: its first and last time (ms), its totals, its smallest and largest amount (units)."""

    first: int
    last: int
    totals: Totals
    low: int
    high: int

    def joined(self, later: Tile) -> Tile:
        """This tile and the one after it as one."""
        return Tile(
            self.first,
            max(self.last, later.last),
            self.totals.plus(later.totals),
            min(self.low, later.low),
            max(self.high, later.high),
        )


class Tiles:
    """Tiles in order of time, none overlapping; ``base`` is the total of all that was before the first of them."""

    __slots__ = ("_ends", "_highs", "_lows", "_next_merge", "_sums", "base", "tiles")

    def __init__(self, base: Totals = NOTHING, tiles: Sequence[Tile] = ()) -> None:
        self.base = base
        self.tiles = list(tiles)
        self._next_merge = 32
        self._index()

    def __len__(self) -> int:
        return len(self.tiles)

    def _index(self) -> None:
        """What queries bisect: ends, running totals, and extremes from each tile to the newest."""
        tiles = self.tiles
        self._ends = [tile.last for tile in tiles]
        self._sums = list(accumulate((tile.totals for tile in tiles), Totals.plus, initial=self.base))
        self._lows = list(accumulate((tile.low for tile in reversed(tiles)), min))[::-1]
        self._highs = list(accumulate((tile.high for tile in reversed(tiles)), max))[::-1]

    @property
    def total(self) -> Totals:
        """All that ever was, up to the end of the newest tile."""
        return self._sums[-1]

    def until(self, moment: int) -> Totals:
        """Totals of all that happened at or before ``moment`` (ms). O(log tiles)."""
        i = bisect_right(self._ends, moment)
        sums = self._sums[i]
        if i < len(self.tiles):
            tile = self.tiles[i]
            if tile.first <= moment:
                sums = sums.plus(tile.totals.part(moment - tile.first, tile.last - tile.first))
        return sums

    def extremes(self, start: int) -> tuple[int, int] | None:
        """The smallest and the largest after ``start``, to the newest tile; None if no tile ends after it."""
        i = bisect_right(self._ends, start)
        return (self._lows[i], self._highs[i]) if i < len(self.tiles) else None

    def between(self, start: int, end: int) -> tuple[int, int] | None:
        """The smallest and the largest of the tiles that touch (start, end]; None if none does."""
        touched = [tile for tile in self.tiles[bisect_right(self._ends, start) :] if tile.first <= end]
        return (min(tile.low for tile in touched), max(tile.high for tile in touched)) if touched else None

    def append(self, events: Sequence[Tile], now: int) -> None:
        """Take events (tiles of width nought) in order of time, all after the newest tile, and merge what may be."""
        fresh = _merged(events, now)
        self.tiles += fresh
        if len(self.tiles) > self._next_merge:
            self.tiles = _merged(self.tiles, now)
            self._next_merge = len(self.tiles) + len(self.tiles) // 4 + 32
        self._index()

    def insert(self, event: Tile) -> None:
        """Take a late event: into the tile that spans its time, or as a tile of its own."""
        i = bisect_left(self._ends, event.first)
        if i < len(self.tiles) and self.tiles[i].first <= event.first:
            self.tiles[i] = self.tiles[i].joined(event)
        else:
            self.tiles.insert(i, event)
        self._index()

    def forget_until(self, moment: int) -> None:
        """Let the tiles that end at or before ``moment`` go into the base."""
        old = bisect_right(self._ends, moment)
        if old:
            self.base = self._sums[old]
            del self.tiles[:old]
            self._index()

    def pack(self) -> bytes:
        """Some 45 bytes a tile, and 49 for the base."""
        tiles = self.tiles
        return join_sections(
            (
                _pack_wide(self.base),
                pack_integers(array("q", [tile.first for tile in tiles])),
                pack_integers(array("q", [tile.last for tile in tiles])),
                pack_integers(array("q", [tile.low for tile in tiles])),
                pack_integers(array("q", [tile.high for tile in tiles])),
                pack_integers(array("q", [tile.totals.count for tile in tiles])),
                pack_integers(array("q", [tile.totals.units for tile in tiles])),
                pack_integers(array("q", [tile.totals.declined for tile in tiles])),
                _pack_wide([tile.totals.squares for tile in tiles]),
            )
            if tiles
            else (_pack_wide(self.base),)
        )

    @classmethod
    def unpack(cls, data: bytes) -> Tiles:
        """What ``pack`` packed."""
        base, *columns = split_sections(data)
        if not columns:
            return cls(Totals(*_unpack_wide(base)))
        *narrow, wide = columns
        first, last, low, high, count, units, declined = map(unpack_integers, narrow)
        totals = map(Totals, count, units, _unpack_wide(wide), declined)
        return cls(Totals(*_unpack_wide(base)), [*map(Tile, first, last, totals, low, high)])


def _merged(tiles: Sequence[Tile], now: int) -> list[Tile]:
    """From the oldest on, each tile takes in the next while it stays narrow enough for its age."""
    merged: list[Tile] = []
    for tile in tiles:
        if merged and tile.last - merged[-1].first <= max(FLOOR_MS, (now - tile.last) // RELATIVE_WIDTH):
            merged[-1] = merged[-1].joined(tile)
        else:
            merged.append(tile)
    return merged


def _pack_wide(values: Iterable[int]) -> bytes:
    return b"".join([value.to_bytes(_WIDE, "little") for value in values])


def _unpack_wide(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + _WIDE], "little") for i in range(0, len(data), _WIDE)]
