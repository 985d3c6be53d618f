"""The largest and the smallest value of every window that ends now, from one structure for all windows.

A monotonic queue holds, for the largest, only the values that no later value reaches: they fall with time, so the
largest since any moment is the first held after it. Source: Lemire, "Streaming maximum-minimum filter using no more
than three comparisons per element" (2006).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class Largest:
    """Values that no later one reaches, by time; ``values`` fall strictly. Negate the values for the smallest.

    Memory grows with the number of held values: ln(n) of n values in random order, n at worst.
    """

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[int] = []

    @classmethod
    def of(cls, times: Sequence[int], values: Sequence[int]) -> Largest:
        """From values in order of time."""
        made = cls()
        held: list[int] = []
        reached = -math.inf
        for i in range(len(values) - 1, -1, -1):
            if values[i] > reached:
                reached = values[i]
                held.append(i)
        held.reverse()
        made.times = [times[i] for i in held]
        made.values = [values[i] for i in held]
        return made

    def append(self, time: int, value: int) -> None:
        """Take a value no earlier than any before. O(1) amortised."""
        times, values = self.times, self.values
        while values and values[-1] <= value:
            values.pop()
            times.pop()
        times.append(time)
        values.append(value)

    def insert(self, time: int, value: int) -> None:
        """Take a late value: as if it had come after all that are as old as it, and before all that are newer."""
        times, values = self.times, self.values
        after = bisect_right(times, time)
        if after < len(values) and values[after] >= value:
            return
        start = after
        while start and values[start - 1] <= value:
            start -= 1
        times[start:after] = [time]
        values[start:after] = [value]

    def forget_before(self, time: int) -> None:
        """Drop what is older than ``time``."""
        old = bisect_left(self.times, time)
        del self.times[:old]
        del self.values[:old]
