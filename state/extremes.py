"""The largest and the smallest value of every window that ends now, from one structure for all windows.

A monotonic queue holds, for the largest, only the values that no later value reaches: they fall with time, so the
largest since any moment is the first held after it. Source: Lemire, "Streaming maximum-minimum filter using no more
than three comparisons per element" (2006).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from operator import ge, le


class Extremes:
    """Values that no later one reaches, by time.

    Attributes:
        high_times, highs: times and values, ``highs`` falling strictly.
        low_times, lows: likewise for the smallest, ``lows`` rising strictly.

    Memory grows with the number of held values: about 2 ln(n) of n values in random order, n + 1 at worst.
    """

    __slots__ = ("high_times", "highs", "low_times", "lows")

    def __init__(self) -> None:
        self.high_times: list[int] = []
        self.highs: list[int] = []
        self.low_times: list[int] = []
        self.lows: list[int] = []

    @classmethod
    def of(cls, times: Sequence[int], values: Sequence[int]) -> Extremes:
        """From values in order of time."""
        made = cls()
        for time, value in zip(reversed(times), reversed(values), strict=True):
            if not made.highs or value > made.highs[-1]:
                made.high_times.append(time)
                made.highs.append(value)
            if not made.lows or value < made.lows[-1]:
                made.low_times.append(time)
                made.lows.append(value)
        for newest_first in (made.high_times, made.highs, made.low_times, made.lows):
            newest_first.reverse()
        return made

    def append(self, time: int, value: int) -> None:
        """Take a value no earlier than any before. O(1) amortised."""
        times, values = self.high_times, self.highs
        while values and values[-1] <= value:
            values.pop()
            times.pop()
        times.append(time)
        values.append(value)
        times, values = self.low_times, self.lows
        while values and values[-1] >= value:
            values.pop()
            times.pop()
        times.append(time)
        values.append(value)

    def insert(self, time: int, value: int) -> None:
        """Take a late value: as if it had come after all that are as old as it, and before all that are newer."""
        _insert(self.high_times, self.highs, time, value, ge)
        _insert(self.low_times, self.lows, time, value, le)

    def forget_before(self, time: int) -> None:
        """Drop what is older than ``time``."""
        for times, values in ((self.high_times, self.highs), (self.low_times, self.lows)):
            old = bisect_left(times, time)
            del times[:old], values[:old]


def _insert(times: list[int], values: list[int], time: int, value: int, reaches: Callable[[int, int], bool]) -> None:
    after = bisect_right(times, time)
    if after < len(values) and reaches(values[after], value):
        return
    start = after
    while start and reaches(value, values[start - 1]):
        start -= 1
    times[start:after] = [time]
    values[start:after] = [value]
