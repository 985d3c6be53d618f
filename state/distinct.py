"""How many different keys were seen in any window that ends now: exact while few, a bounded sample beyond.

Level 0 holds the last time of every key; the number of different keys since a moment is the number of last times after
it. When more than ``capacity`` keys are held the oldest are dropped and a level 1 begins, which takes only every second
key (by hash) and so reaches back twice as far; and so on. A window is answered by the lowest level that reaches over
it, times 2^level.

Error: none while level 0 reaches over the window, that is as long as it has fewer than 7/8 of ``capacity`` different
keys. Beyond, the estimate is unbiased but for the choice of level, and its relative standard error is at most 1 / sqrt(7/16 * capacity): 9.4 % for
256, 13.4 % for 128. Memory: ``capacity`` entries a level, half of them shared when packed.

Source: Gibbons and Tirthapura, "Distributed streams algorithms for sliding windows" (2002).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from state.packing import pack_integers, unpack_array, unpack_integers

_HEAD = struct.Struct("<II")

ALWAYS = -(2**62)
"""A moment before all others, ms."""


class _Level:
    """The last times of keys whose lowest bits are zero, complete for all after ``since`` (ms, exclusive)."""

    __slots__ = ("last", "mask", "since", "times")

    def __init__(self, depth: int, since: int, last: dict[int, int]) -> None:
        self.mask = (1 << depth) - 1
        self.since = since
        self.last = last
        self.times = sorted(last.values())

    def keep_after(self, moment: int) -> None:
        """Drop what is not after ``moment``."""
        self.last = {key: time for key, time in self.last.items() if time > moment}
        del self.times[: bisect_right(self.times, moment)]


class RecentDistinct:
    """Different 64-bit keys by the time they were last seen.

    Args:
        capacity: keys a level holds at most.
    """

    __slots__ = ("capacity", "levels")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.levels = [_Level(0, ALWAYS, {})]

    @classmethod
    def of(cls, capacity: int, keys: Iterable[int], times: Iterable[int]) -> RecentDistinct:
        """From at most ``capacity`` occurrences in order of time."""
        made = cls(capacity)
        made.levels[0] = _Level(0, ALWAYS, dict(zip(keys, times, strict=True)))
        return made

    def add(self, key: int, time: int) -> None:
        """Note that ``key`` was seen; times may come in any order. O(log capacity), two levels on average at most."""
        for level in self.levels:
            if key & level.mask:
                return
            times = level.times
            old = level.last.get(key)
            if old is not None:
                if old >= time:
                    continue
                del times[bisect_left(times, old)]
            elif time <= level.since:
                continue
            level.last[key] = time
            if not times or time >= times[-1]:
                times.append(time)
            else:
                insort(times, time)
        if len(self.levels[0].times) > self.capacity or len(self.levels) > 1:
            self._bound()

    def count(self, start: int) -> int:
        """Different keys after ``start`` (ms): exact at level 0, an estimate beyond."""
        depth = 0
        for depth, level in enumerate(self.levels):
            if start >= level.since:
                break
        times = self.levels[depth].times
        return (len(times) - bisect_right(times, start)) << depth

    def forget_until(self, moment: int) -> None:
        """Drop what is not after ``moment``, and the levels that are then no longer needed."""
        for depth, level in enumerate(self.levels):
            level.keep_after(moment)
            if level.since <= moment:
                level.since = ALWAYS
                del self.levels[depth + 1 :]
                return

    def _bound(self) -> None:
        for depth, level in enumerate(self.levels):
            if len(level.times) <= self.capacity:
                continue
            if depth + 1 == len(self.levels):
                mask = (2 << depth) - 1
                half = {key: time for key, time in level.last.items() if not key & mask}
                self.levels.append(_Level(depth + 1, level.since, half))
            level.since = level.times[self.capacity // 8]
            level.keep_after(level.since)

    def pack(self) -> bytes:
        """12 bytes a key, each key once whatever its levels, and 8 bytes a level."""
        union: dict[int, int] = {}
        for level in self.levels:
            union |= level.last
        since = array("q", [level.since for level in self.levels])
        head = _HEAD.pack(len(since), len(union))
        return b"".join(
            (head, since.tobytes(), array("Q", union).tobytes(), pack_integers(array("q", union.values())))
        )

    @classmethod
    def unpack(cls, capacity: int, data: bytes) -> RecentDistinct:
        """What ``pack`` packed."""
        made = cls(capacity)
        depths, held = _HEAD.unpack_from(data)
        keys_at = _HEAD.size + 8 * depths
        times_at = keys_at + 8 * held
        since = unpack_array("q", data[_HEAD.size : keys_at])
        keys, times = unpack_array("Q", data[keys_at:times_at]), unpack_integers(data[times_at:])
        made.levels = []
        for depth, start in enumerate(since):
            mask = (1 << depth) - 1
            entries = zip(keys, times, strict=True)
            last = {key: time for key, time in entries if time > start and not key & mask}
            made.levels.append(_Level(depth, start, last))
        return made
