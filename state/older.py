"""The older past of a hot key: what is kept of events that are too many to be kept one by one.

Errors: ``state.tiles`` for counts, sums and extremes, ``state.distinct`` for distinct keys. A late event of a hot key
has one more: a key seen again since the event counts as seen before it only if that was among the events still kept
one by one; so the distinct keys of its windows are too few by at most the number of newer events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from state.distinct import OlderKeys
from state.packing import join_sections, split_sections
from state.tiles import Tile, Tiles, Totals

_KEYS_IN_STRATUM = 128


def without_waiting(data: bytes) -> bytes:
    """A packed older past of profile version 1, in which no late events waited, as version 2 has it."""
    if not data:
        return data
    tiles, keys = split_sections(data)
    return join_sections((join_sections((tiles, b"")), keys))


class OlderPast:
    """Tiles of events, and the keys that were not seen since."""

    __slots__ = ("_keys", "_tiles")

    def __init__(self) -> None:
        self._tiles = Tiles()
        self._keys = OlderKeys(_KEYS_IN_STRATUM)

    @property
    def end(self) -> int:
        """Time of the newest event in it, ms."""
        return self._tiles.end

    def take(self, tiles: Sequence[Tile], keys: Iterable[tuple[int, int]], now: int) -> None:
        """Take events that are newer than all in it, and the last times of keys that are nowhere newer."""
        self._tiles.append(tiles, now)
        self._keys.take(keys)

    def insert(self, time: int, totals: Totals) -> None:
        """Take a late event, no newer than ``end``; its key goes to ``see`` when it is nowhere newer."""
        self._tiles.insert(time, totals)

    def see(self, key: int, time: int) -> None:
        """Note that a key was seen, late, and was seen nowhere newer."""
        self._keys.see(key, time)

    def discard(self, key: int) -> None:
        """A key is seen again, by an event that is newer."""
        self._keys.discard(key)

    def after(self, start: int) -> tuple[Totals, int]:
        """Totals of the events after ``start`` (ms), and how many keys were last seen after it."""
        return self._tiles.after(start), self._keys.count(start)

    def between(self, start: int, end: int, *, extremes: bool) -> tuple[Totals, int]:
        """The same after ``start``, up to and including ``end``; O(tiles) with extremes."""
        return self._tiles.between(start, end, extremes=extremes), self._keys.count(start) - self._keys.count(end)

    def events_after(self, moment: int) -> int:
        """Events after ``moment``. O(log tiles)."""
        return self._tiles.events_after(moment)

    def forget_until(self, moment: int) -> None:
        """Drop what ended at or before ``moment``."""
        self._tiles.forget_until(moment)
        self._keys.forget_until(moment)

    def pack(self) -> bytes:
        """Some 50 bytes a tile, 12 a key."""
        return join_sections((self._tiles.pack(), self._keys.pack()))

    @classmethod
    def unpack(cls, data: bytes) -> OlderPast:
        """What ``pack`` packed."""
        made = cls()
        tiles, keys = split_sections(data)
        made._tiles = Tiles.unpack(tiles)
        made._keys = OlderKeys.unpack(_KEYS_IN_STRATUM, keys)
        return made
