"""How many different keys were seen since a moment, in bounded memory, for the older past of a hot key.

A key counts at the last time it was seen. Strata hold last times, the newest in stratum 0. A stratum that grows over
``capacity`` hands the older half of its keys down, and stratum d takes only every 2^d-th key, chosen by hash; so each
reaches back about twice as far as the one before. A stratum's keys stand for 2^d keys each.

Error: none while no stratum was full. Beyond, the estimate is unbiased and its relative standard error at most
0.9 / sqrt(capacity): 8 % for 128 keys, whatever the number of keys.
Source: Gibbons and Tirthapura, "Distributed streams algorithms for sliding windows" (2002), with every key in one
level only: fewer bytes, and the newest keys, which all windows share, stay exact.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from state.packing import join_sections, pack_column, split_sections, unpack_array, unpack_column
from state.times import NEVER

_SINCE = struct.Struct("<qI")


class _Stratum:
    """Keys whose ``depth`` lowest bits are zero, by last time; older than ``since`` (ms) belongs further down."""

    __slots__ = ("last", "mask", "packed", "since", "times")

    def __init__(self, depth: int, since: int, last: dict[int, int]) -> None:
        self.mask = (1 << depth) - 1
        self.since = since
        self.hold(last)

    def hold(self, last: dict[int, int]) -> None:
        """Replace what is held."""
        self.last = last
        self.times = sorted(last.values())
        self.packed: bytes | None = None

    def pack(self) -> bytes:
        """About 12 bytes a key; kept until the stratum changes."""
        if self.packed is None:
            keys = array("Q", self.last).tobytes()
            times = pack_column(list(self.last.values()))
            self.packed = _SINCE.pack(self.since, len(self.last)) + keys + times
        return self.packed

    @classmethod
    def unpack(cls, depth: int, data: bytes) -> _Stratum:
        since, held = _SINCE.unpack_from(data)
        times_at = _SINCE.size + 8 * held
        keys = unpack_array("Q", data[_SINCE.size : times_at])
        return cls(depth, since, dict(zip(keys, unpack_column(data[times_at:]), strict=True)))


class OlderKeys:
    """Keys by the time they were last seen.

    Args:
        capacity: keys a stratum holds at most.
    """

    __slots__ = ("capacity", "strata")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.strata = [_Stratum(0, NEVER, {})]

    def take(self, entries: Iterable[tuple[int, int]]) -> None:
        """Take keys that are not held, with their last times, older or newer than what is held."""
        newest = self.strata[0]
        fresh = {}
        for key, time in entries:
            if time > newest.since:
                fresh[key] = time
            else:
                self._place(key, time)
        newest.hold(newest.last | fresh)
        self._bound()

    def see(self, key: int, time: int) -> None:
        """Note that ``key`` was seen, late."""
        held = self._find(key)
        if held is None or held.last[key] < time:
            self.discard(key)
            self._place(key, time)
            if len(self.strata[0].times) > self.capacity:
                self._bound()

    def discard(self, key: int) -> None:
        """Forget a key that is kept elsewhere from now on. O(log capacity)."""
        stratum = self._find(key)
        if stratum is not None:
            times = stratum.times
            del times[bisect_left(times, stratum.last.pop(key))]
            stratum.packed = None

    def count(self, start: int) -> int:
        """Different keys last seen after ``start`` (ms)."""
        counted = 0
        for depth, stratum in enumerate(self.strata):
            times = stratum.times
            if start < stratum.since:
                counted += len(times) << depth
            else:
                return counted + ((len(times) - bisect_right(times, start)) << depth)
        return counted

    def forget_until(self, moment: int) -> None:
        """Drop what is not after ``moment``, and the strata that are then no longer needed."""
        for depth, stratum in enumerate(self.strata):
            if stratum.times and stratum.times[0] <= moment:
                stratum.hold({key: time for key, time in stratum.last.items() if time > moment})
            if stratum.since <= moment:
                stratum.since = NEVER
                stratum.packed = None
                del self.strata[depth + 1 :]
                return

    def _find(self, key: int) -> _Stratum | None:
        # A key is sampled by half of the strata on average, so this looks into two.
        for stratum in self.strata:
            if key & stratum.mask:
                return None
            if key in stratum.last:
                return stratum
        return None

    def _place(self, key: int, time: int) -> None:
        for stratum in self.strata:
            if key & stratum.mask:
                return
            if time > stratum.since:
                stratum.last[key] = time
                insort(stratum.times, time)
                stratum.packed = None
                return

    def _bound(self) -> None:
        depth = 0
        while depth < len(self.strata):
            stratum = self.strata[depth]
            depth += 1
            if len(stratum.times) <= self.capacity:
                continue
            since = stratum.times[-self.capacity // 2]
            if depth == len(self.strata):
                self.strata.append(_Stratum(depth, stratum.since, {}))
            below = self.strata[depth]
            down = {key: time for key, time in stratum.last.items() if time <= since and not key & below.mask}
            below.hold(below.last | down)
            stratum.hold({key: time for key, time in stratum.last.items() if time > since})
            stratum.since = since

    def pack(self) -> bytes:
        """About 12 bytes a key."""
        return join_sections([stratum.pack() for stratum in self.strata])

    @classmethod
    def unpack(cls, capacity: int, data: bytes) -> OlderKeys:
        """What ``pack`` packed."""
        made = cls(capacity)
        made.strata = [_Stratum.unpack(depth, section) for depth, section in enumerate(split_sections(data))]
        return made
