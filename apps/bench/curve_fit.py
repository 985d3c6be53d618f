"""Laws that figures follow: a line through points, how steep it is, and where a curve crosses a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Line:
    """``y = at_zero + slope * x``; ``fit`` is the share of the variance it explains, 1 for all of it."""

    at_zero: float
    slope: float
    fit: float

    def at(self, x: float) -> float:
        """What it says for ``x``."""
        return self.at_zero + self.slope * x


def fit_line(points: Sequence[tuple[float, float]]) -> Line:
    """Least squares.

    Raises:
        ValueError: fewer than two different x.
    """
    x, y = (np.array(column, np.float64) for column in zip(*points, strict=True)) if points else (np.empty(0),) * 2
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs points at two places at least")
    slope, at_zero = np.polyfit(x, y, 1)
    spread = float(((y - y.mean()) ** 2).sum())
    missed = float(((y - at_zero - slope * x) ** 2).sum())
    return Line(float(at_zero), float(slope), 1 - missed / spread if spread else 1.0)


def growth_percent(points: Sequence[tuple[float, float]], over: float) -> float:
    """How much a fitted line rises over a length of x, in percent of its own mean height.

    Raises:
        ValueError: fewer than two different x, or a mean of nothing.
    """
    line = fit_line(points)
    mean = float(np.mean([y for _, y in points]))
    if not mean:
        raise ValueError("nothing has no share")
    return 100 * line.slope * over / mean


def crossing(points: Sequence[tuple[float, float]], limit: float) -> float | None:
    """Where the broken line through the points first rises above the limit; None where it stays below.

    A first point that is above already is itself the answer.
    """
    ordered = sorted(points)
    for (x, y), (next_x, next_y) in pairwise(ordered):
        if y > limit:
            return x
        if next_y > limit:
            return x + (next_x - x) * (limit - y) / (next_y - y)
    return ordered[0][0] if len(ordered) == 1 and ordered[0][1] > limit else None
