"""What an entity did, in order of event time, and what any sliding window over it adds up to.

Recent events are kept one by one, with running totals, so that a window (t - w, t] of any length is a difference of
two totals: nothing is summed again, whatever the window's length, and every window shares the one history. Extremes
come from monotonic queues, distinct keys from the order of last times. An event that comes late is put in its place;
its own windows end at it, and later ones see it as if it had come in time. Equal times count in order of arrival.

Everything is exact while no more than ``capacity`` events lie within ``retention``. Beyond (a hot key) the older half
goes to ``state.older``, where the error of windows that reach so far is stated.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from state.extremes import Largest
from state.late import Late, observe_late
from state.moments import spread
from state.older import OlderPast
from state.packing import ProfileDamagedError, unpack_array
from state.tiles import tiles_of

WINDOW_FIELDS = ("count", "units", "spread", "high", "low", "distinct", "declined")
"""What ``observe`` tells of each window, in this order; ``spread`` is n (n - 1) times the variance, squared units."""

_HEAD = struct.Struct("<Iqqqq16s16s")  # events, first time, base: count, high, last, units, squares
_NEVER = -(2**62)
_SLACK = 8  # forgetting waits until the oldest is this part of the retention too old: then it is done for many at once


class History:
    """Events of one entity: time (ms), amount (units), the key of the other party (64 bits), declined or not.

    Args:
        retention: how far back windows and lateness together reach, ms.
        capacity: events kept one by one; a power of two or so, at least 2.
        extremes: whether the largest and smallest amount are wanted; their fields are 0 otherwise.

    Attributes:
        times: event times, ascending.
        keys: the other party of each.
        sums: running totals of the amounts from the oldest kept event on; one longer than ``times``.
        squares: likewise of their squares.
        base_count, base_units, base_squares, base_high, base_last: the same of all events before those, for good;
            ``base_last`` is the time of the newest of them.
    """

    __slots__ = (
        "base_count",
        "base_high",
        "base_last",
        "base_squares",
        "base_units",
        "capacity",
        "declines",
        "extremes",
        "highs",
        "keys",
        "last",
        "last_times",
        "lows",
        "older",
        "retention",
        "squares",
        "sums",
        "times",
    )

    def __init__(self, retention: int, capacity: int, *, extremes: bool) -> None:
        self.retention = retention
        self.capacity = capacity
        self.extremes = extremes
        self.times = array("q")
        self.keys = array("Q")
        self.sums = array("q", (0,))
        self.squares = [0]
        self.declines = array("I", (0,))
        self.highs = Largest()
        self.lows = Largest()
        self.last: dict[int, int] = {}
        self.last_times: list[int] = []
        self.base_count = self.base_units = self.base_squares = self.base_high = 0
        self.base_last = _NEVER
        self.older: OlderPast | None = None

    def place(self, time: int) -> int:
        """Where among ``times`` an event that comes now belongs: behind all that are not newer."""
        times = self.times
        return len(times) if not times or time >= times[-1] else bisect_right(times, time)

    def has_forgotten(self, time: int) -> bool:
        """Whether what was at ``time`` (ms) is too old to be kept: an event of then is told of, but not taken."""
        times = self.times
        return bool(times) and time <= times[-1] - self.retention

    def observe(
        self, at: int, time: int, units: int, key: int, declined: int, *, windows: Sequence[int], told: list[int]
    ) -> bool:
        """Take an event, and tell of every window that ends with it. O(windows * log(capacity)) in order.

        Args:
            at: ``place(time)``.
            time: event time, ms.
            units: amount, in units of ``state.moments``.
            key: the other party.
            declined: 1 if it was declined, else 0.
            windows: lengths, ms, ascending.
            told: gets ``WINDOW_FIELDS`` of each window appended, window by window.

        Returns:
            Whether older events were let go, so that what goes with them can be, too.
        """
        times = self.times
        if at < len(times):
            return observe_late(self, Late(at, time, units, key, declined), windows, told)
        older, last, last_times = self.older, self.last, self.last_times
        seen = last.get(key)
        if seen is not None:
            del last_times[bisect_left(last_times, seen)]
        elif older is not None:
            older.discard(key)
        last[key] = time
        last_times.append(time)
        sums, squares, declines = self.sums, self.squares, self.declines
        total, total_squares, total_declined = sums[-1] + units, squares[-1] + units * units, declines[-1] + declined
        high_times, high_values = self.highs.times, self.highs.values
        low_times, low_values = self.lows.times, self.lows.values
        if self.extremes:
            self.highs.append(time, units)
            self.lows.append(time, -units)
        i = at
        told_of: tuple[int, ...] = (1, units, 0, units, units, 1, declined)
        for window in windows:
            start = time - window
            if not i:
                if older is not None:
                    told_of = self._window_of_hot(older, start, (at + 1, total, total_squares, total_declined))
            elif times[i - 1] > start:
                i = bisect_right(times, start, 0, i)
                if i or older is None:
                    count = at + 1 - i
                    amount = total - sums[i]
                    told_of = (
                        count,
                        amount,
                        count * (total_squares - squares[i]) - amount * amount,
                        high_values[bisect_right(high_times, start)] if high_times else 0,
                        -low_values[bisect_right(low_times, start)] if low_times else 0,
                        len(last_times) - bisect_right(last_times, start),
                        total_declined - declines[i],
                    )
                else:
                    told_of = self._window_of_hot(older, start, (at + 1, total, total_squares, total_declined))
            told += told_of
        times.append(time)
        self.keys.append(key)
        sums.append(total)
        squares.append(total_squares)
        declines.append(total_declined)
        return self.let_go(time)

    def before(self, at: int, time: int) -> tuple[int, int, int, int]:
        """All that ever was before an event that comes now: count, units, squared units, largest amount.

        Args:
            at: ``place(time)``.
            time: event time, ms.
        """
        highs = self.highs.values
        count, units, squares = (
            self.base_count + at,
            self.base_units + self.sums[at],
            self.base_squares + self.squares[at],
        )
        if at == len(self.times):
            return count, units, squares, max(self.base_high, highs[0]) if highs else self.base_high
        if not at and self.older is not None:
            since, _ = self.older.after(time)
            return count - since.count, units - since.units, squares - since.squares, self.base_high
        return count, units, squares, max(self.base_high, *self.amounts(0, at))

    def last_before(self, at: int, time: int) -> int | None:
        """Time of the event before one that comes now, ms; None if there is none."""
        if at:
            return self.times[at - 1]
        return self.base_last if _NEVER < self.base_last <= time else None

    def amounts(self, start: int, end: int) -> list[int]:
        """Amounts of the events kept one by one, from place ``start`` to before ``end``, units."""
        return [after - before for before, after in pairwise(self.sums[start : end + 1])]

    def let_go(self, now: int) -> bool:
        """Forget what no window reaches any more, and fold the older half once there are too many.

        Args:
            now: time of the newest event, ms.

        Returns:
            Whether events were let go.
        """
        times = self.times
        if times[0] <= now - self.retention - self.retention // _SLACK:
            self._forget_until(now - self.retention)
            return True
        if len(times) > self.capacity:
            self._fold(len(times) // 2, now)
            return True
        return False

    def add_to_base(self, count: int, units: int, squares: int, high: int, last: int) -> None:
        """Count events that are not, or no longer, kept one by one; ``last`` is the time of the newest of them."""
        self.base_count += count
        self.base_units += units
        self.base_squares += squares
        self.base_high = max(self.base_high, high)
        self.base_last = max(self.base_last, last)

    def _window_of_hot(self, older: OlderPast, start: int, newest: tuple[int, int, int, int]) -> tuple[int, ...]:
        """A window that starts in the older past; ``newest`` are the totals of the events kept one by one."""
        count, units, squares, declined = newest
        totals, keys = older.after(start)
        count, units = count + totals.count, units + totals.units
        return (
            count,
            units,
            spread(count, units, squares + totals.squares),
            max(self.highs.values[0], totals.high) if self.extremes else 0,
            min(-self.lows.values[0], totals.low) if self.extremes else 0,
            len(self.last_times) + keys,
            declined + totals.declined,
        )

    def _forget_until(self, horizon: int) -> None:
        self.older = None  # than the oldest kept one by one, which is too old
        count = bisect_right(self.times, horizon)
        for key, time in zip(self.keys[:count], self.times, strict=False):
            if self.last.get(key) == time:
                del self.last[key]
        del self.last_times[: bisect_right(self.last_times, horizon)]
        self._drop(count)

    def _fold(self, count: int, now: int) -> None:
        """Give the oldest ``count`` events, and the keys not seen since, to the older past."""
        if self.older is None:
            self.older = OlderPast()
        kept = dict(zip(self.keys[count:], self.times[count:], strict=True))
        gone = [entry for entry in self.last.items() if entry[0] not in kept]
        self.older.take(tiles_of(self.times[:count], self.sums, self.squares, self.declines, now), gone, now)
        self.older.forget_until(now - self.retention)
        self.last = kept
        self.last_times = sorted(kept.values())
        self._drop(count)

    def _drop(self, count: int) -> None:
        """Let the oldest ``count`` events go into the base."""
        units, square, declined = self.sums[count], self.squares[count], self.declines[count]
        self.add_to_base(count, units, square, max(self.amounts(0, count)), self.times[count - 1])
        del self.times[:count], self.keys[:count]
        # Totals start again at 0: they stay small, whatever an entity takes in a lifetime.
        self.sums = array("q", [total - units for total in self.sums[count:]])
        self.squares = [total - square for total in self.squares[count:]]
        self.declines = array("I", [total - declined for total in self.declines[count:]])
        if self.extremes:
            self.highs.forget_before(self.times[0])
            self.lows.forget_before(self.times[0])

    def pack(self) -> bytes:
        """28 bytes an event, and what is older of a hot key."""
        times = self.times
        first = times[0] if times else 0
        base = (self.base_count, self.base_high, self.base_last)
        wide = (self.base_units.to_bytes(16, "little"), self.base_squares.to_bytes(16, "little"))
        since_first = (np.frombuffer(times, np.int64) - first).astype(np.uint32).tobytes() if times else b""
        return b"".join(
            (
                _HEAD.pack(len(times), first, *base, *wide),
                self.sums.tobytes(),
                self.keys.tobytes(),
                since_first,
                self.declines.tobytes(),
                self.older.pack() if self.older is not None else b"",
            )
        )

    def restore(self, data: bytes) -> None:
        """Become what ``pack`` packed.

        Raises:
            ProfileDamagedError: if the bytes are cut short.
        """
        if len(data) < _HEAD.size:
            raise ProfileDamagedError("a packed history is cut short")
        count, first, self.base_count, self.base_high, self.base_last, units, squares = _HEAD.unpack_from(data)
        self.base_units, self.base_squares = int.from_bytes(units, "little"), int.from_bytes(squares, "little")
        keys_at = _HEAD.size + 8 * (count + 1)
        times_at = keys_at + 8 * count
        declines_at = times_at + 4 * count
        older_at = declines_at + 4 * (count + 1)
        if len(data) < older_at:
            raise ProfileDamagedError("a packed history is cut short")
        self.sums = unpack_array("q", data[_HEAD.size : keys_at])
        self.keys = unpack_array("Q", data[keys_at:times_at])
        since_first = np.frombuffer(data, np.uint32, count, times_at)
        self.times = unpack_array("q", (since_first.astype(np.int64) + first).tobytes())
        self.declines = unpack_array("I", data[declines_at:older_at])
        self.older = OlderPast.unpack(data[older_at:]) if older_at < len(data) else None
        amounts = self.amounts(0, count)
        self.squares = list(accumulate([amount * amount for amount in amounts], initial=0))
        self.last = dict(zip(self.keys, self.times, strict=True))
        self.last_times = sorted(self.last.values())
        if self.extremes:
            self.highs = Largest.of(self.times, amounts)
            self.lows = Largest.of(self.times, [-amount for amount in amounts])
