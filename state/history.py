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

from state.extremes import Extremes
from state.late import Late, observe_late
from state.moments import spread
from state.older import OlderPast, without_waiting
from state.packing import ProfileDamagedError, unpack_array
from state.tiles import tiles_of
from state.times import NEVER

FIELDS = ("events", "declined", "units", "distinct")
"""What ``observe`` tells of each window, in this order..."""
FIELDS_IN_FULL = (*FIELDS, "spread", "low", "high")
"""...and when it is asked in full; ``spread`` is n (n - 1) times the sample variance, squared units."""

_SECTIONS = 6  # of a packed profile that hold its history; the last of them is the older past
_HEAD = struct.Struct("<Iqqq16s16s")  # events, base: count, high, last, units, squares
_SLACK = 8  # forgetting waits until the oldest is this part of the retention too old: then it is done for many at once


class History:
    """Events of one entity: time (ms), amount (units), the key of the other party (64 bits), declined or not.

    Args:
        retention: how far back windows and lateness together reach, ms.
        capacity: events kept one by one, at least 2.
        in_full: whether spread, smallest and largest amount are wanted, too.

    Attributes:
        times: event times, ascending.
        keys: the other party of each.
        seen: when that party's event before it was, or ``NEVER``.
        declined: 1 or 0 for each.
        sums: running totals of the amounts from the oldest kept event on; one longer than ``times``.
        squares: likewise of their squares, when in full.
        extremes: of their amounts; None unless in full.
        last: the last time of each party.
        last_times: the same in order.
        base_count, base_units, base_squares, base_high, base_last: totals of all events that are no longer kept one by
            one, for good; ``base_last`` is the time of the newest of them.
    """

    __slots__ = (
        "base_count",
        "base_high",
        "base_last",
        "base_squares",
        "base_units",
        "capacity",
        "declined",
        "extremes",
        "keys",
        "last",
        "last_times",
        "older",
        "reach",
        "retention",
        "seen",
        "squares",
        "sums",
        "times",
    )

    def __init__(self, retention: int, capacity: int, *, in_full: bool) -> None:
        self.retention = retention
        self.reach = retention + retention // _SLACK
        self.capacity = capacity
        self.times = array("q")
        self.keys = array("Q")
        self.seen = array("q")
        self.declined = bytearray()
        self.sums = array("q", (0,))
        self.squares = [0]
        self.extremes = Extremes() if in_full else None
        self.last: dict[int, int] = {}
        self.last_times: list[int] = []
        self.base_count = self.base_units = self.base_squares = self.base_high = 0
        self.base_last = NEVER
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
        self, at: int, time: int, units: int, key: int, declined: bool, *, windows: Sequence[int], told: list[int]
    ) -> bool:
        """Take an event, and tell of every window that ends with it. O(windows * log(capacity)) in order.

        Args:
            at: ``place(time)``.
            time: event time, ms.
            units: amount, in units of ``state.moments``.
            key: the other party.
            declined: whether it was declined.
            windows: lengths, ms, ascending.
            told: gets ``FIELDS`` (or ``FIELDS_IN_FULL``) of each window appended, window by window.

        Returns:
            Whether older events were let go, so that what goes with them can be, too.
        """
        times = self.times
        if at < len(times):
            return observe_late(self, Late(at, time, units, key, declined), windows, told)
        self._take(time, units, key, declined)
        older, sums, squares, last_times, extremes = self.older, self.sums, self.squares, self.last_times, self.extremes
        total, events = sums[-1], at + 1
        fields: tuple[int, ...] = (1, declined, units, 1)
        if extremes is not None:
            fields = (1, declined, units, 1, 0, units, units)
        i = at
        before = times[i - 1] if i else NEVER
        for window in windows:
            start = time - window
            if before > start:
                i = bisect_right(times, start, 0, i)
                before = times[i - 1] if i else NEVER
                count = events - i
                amount = total - sums[i]
                fields = (
                    count,
                    self.declined.count(1, i),
                    amount,
                    len(last_times) - bisect_right(last_times, start),
                )
                if extremes is not None:
                    fields += (
                        count * (squares[-1] - squares[i]) - amount * amount,
                        extremes.lows[bisect_right(extremes.low_times, start)],
                        extremes.highs[bisect_right(extremes.high_times, start)],
                    )
            if not i and older is not None:
                fields = self._window_of_hot(older, start)
            told += fields
        if times[0] <= time - self.reach or events > self.capacity:
            self.let_go(time)
            return True
        return False

    def _take(self, time: int, units: int, key: int, declined: bool) -> None:
        """Append the newest event."""
        last, last_times = self.last, self.last_times
        seen = last.get(key, NEVER)
        if seen != NEVER:
            del last_times[bisect_left(last_times, seen)]
        elif self.older is not None:
            self.older.discard(key)
        last[key] = time
        last_times.append(time)
        self.times.append(time)
        self.keys.append(key)
        self.seen.append(seen)
        self.declined.append(declined)
        self.sums.append(self.sums[-1] + units)
        if self.extremes is not None:
            self.squares.append(self.squares[-1] + units * units)
            self.extremes.append(time, units)

    def _window_of_hot(self, older: OlderPast, start: int) -> tuple[int, ...]:
        """A window that starts in the older past and ends with the newest event."""
        (events, declined, units, squares, low, high), parties = older.after(start)
        events += len(self.times)
        units += self.sums[-1]
        fields = (events, declined + self.declined.count(1), units, parties + len(self.last_times))
        if self.extremes is None:
            return fields
        return (
            *fields,
            spread(events, units, squares + self.squares[-1]),
            min(self.extremes.lows[0], low),
            max(self.extremes.highs[0], high),
        )

    def before(self, at: int, time: int) -> tuple[int, int, int, int]:
        """All that ever was before an event that comes now: count, units, squared units, largest amount. In full only.

        Args:
            at: ``place(time)``.
            time: event time, ms.
        """
        extremes = self.extremes
        if extremes is None:
            raise ValueError("this history is not kept in full")
        count, units = self.base_count + at, self.base_units + self.sums[at]
        squares, high = self.base_squares + self.squares[at], self.base_high
        if at == len(self.times):
            return count, units, squares, max(high, extremes.highs[0]) if at else high
        if not at and self.older is not None:
            since, _ = self.older.after(time)
            return count - since.events, units - since.units, squares - since.squares, high
        return count, units, squares, max([high, *self.amounts(0, at)])

    def count_after(self, moment: int) -> int:
        """Events after ``moment`` (ms), of those not forgotten."""
        times = self.times
        i = bisect_right(times, moment)
        return len(times) - i if i or self.older is None else len(times) + self.older.events_after(moment)

    def amounts(self, start: int, end: int) -> list[int]:
        """Amounts of the events kept one by one, from place ``start`` to before ``end``, units."""
        return [after - before for before, after in pairwise(self.sums[start : end + 1])]

    def let_go(self, now: int) -> None:
        """Forget what no window reaches any more, and fold the older half if there are too many still.

        Args:
            now: time of the newest event, ms.
        """
        if self.times[0] <= now - self.reach:
            self._forget_until(now - self.retention)
        if len(self.times) > self.capacity:
            self._fold(len(self.times) // 2, now)

    def add_to_base(self, count: int, units: int, squares: int, high: int, last: int) -> None:
        """Count events that are not, or no longer, kept one by one; ``last`` is the time of the newest of them."""
        self.base_count += count
        self.base_units += units
        self.base_squares += squares
        self.base_high = max(self.base_high, high)
        self.base_last = max(self.base_last, last)

    def _forget_until(self, horizon: int) -> None:
        self.older = None  # than the oldest kept one by one, which is too old
        count = bisect_right(self.times, horizon)
        for key, time in zip(self.keys[:count], self.times, strict=False):
            if self.last.get(key) == time:
                del self.last[key]
        del self.last_times[: bisect_right(self.last_times, horizon)]
        self._drop(count)

    def _fold(self, count: int, now: int) -> None:
        """Give the oldest ``count`` events, and the parties not seen since, to the older past."""
        if self.older is None:
            self.older = OlderPast()
        squares = self.squares if self.extremes is not None else [0] * (count + 1)
        tiles = tiles_of(self.times[:count], self.sums, squares, self.declined, now)
        last = self.last
        self._drop(count)
        self._derive_parties()
        self.older.take(tiles, [entry for entry in last.items() if entry[0] not in self.last], now)
        self.older.forget_until(now - self.retention)

    def _drop(self, count: int) -> None:
        """Let the oldest ``count`` events go into the base."""
        units, square = self.sums[count], self.squares[count] if self.extremes is not None else 0
        self.add_to_base(count, units, square, max(self.amounts(0, count)), self.times[count - 1])
        del self.times[:count], self.keys[:count], self.seen[:count], self.declined[:count]
        # Totals start again at 0: they stay small, whatever an entity takes in a lifetime.
        self.sums = array("q", [total - units for total in self.sums[count:]])
        if self.extremes is not None:
            self.squares = [total - square for total in self.squares[count:]]
            self.extremes.forget_before(self.times[0])

    def pack(self) -> list[bytes]:
        """The sections of a packed profile that hold a history: 25 bytes an event, and what is older of a hot key."""
        head = _HEAD.pack(
            len(self.times),
            self.base_count,
            self.base_high,
            self.base_last,
            self.base_units.to_bytes(16, "little"),
            self.base_squares.to_bytes(16, "little"),
        )
        older = self.older.pack() if self.older is not None else b""
        return [head, self.times.tobytes(), self.sums.tobytes(), self.keys.tobytes(), bytes(self.declined), older]

    def unpack(self, sections: Sequence[bytes]) -> None:
        """Become what ``pack`` packed.

        Raises:
            ProfileDamagedError: if the sections do not fit each other.
        """
        head, times, sums, keys, declined, older = sections
        if len(head) != _HEAD.size:
            raise ProfileDamagedError("the head of a packed history has the wrong length")
        count, self.base_count, self.base_high, self.base_last, units, squares = _HEAD.unpack(head)
        if not len(times) == len(sums) - 8 == len(keys) == 8 * len(declined) == 8 * count:
            raise ProfileDamagedError("the columns of a packed history differ in length")
        self.base_units, self.base_squares = int.from_bytes(units, "little"), int.from_bytes(squares, "little")
        self.times, self.sums, self.keys = unpack_array("q", times), unpack_array("q", sums), unpack_array("Q", keys)
        self.declined = bytearray(declined)
        self.older = OlderPast.unpack(older) if older else None
        self._derive_parties()
        if self.extremes is not None:
            amounts = self.amounts(0, count)
            self.squares = list(accumulate([amount * amount for amount in amounts], initial=0))
            self.extremes = Extremes.of(self.times, amounts)

    def _derive_parties(self) -> None:
        last: dict[int, int] = {}
        self.seen = array("q")
        for key, time in zip(self.keys, self.times, strict=True):
            self.seen.append(last.get(key, NEVER))
            last[key] = time
        self.last = last
        self.last_times = sorted(last.values())


def history_from_version_1(sections: list[bytes]) -> list[bytes]:
    """The sections of a profile of version 1, its history as in version 2."""
    *history, older = sections[:_SECTIONS]
    return [*history, without_waiting(older), *sections[_SECTIONS:]]
