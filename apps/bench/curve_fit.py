"""Fit a line to measured points, measure its growth, and find where a curve crosses a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Line:
    """A fitted line, ``y = intercept + slope * x``.

    Attributes:
        intercept: y at x = 0.
        slope: growth of y for each unit of x.
        r_squared: share of the variance that the line explains, 0 to 1.
    """

    intercept: float
    slope: float
    r_squared: float

    def at(self, x: float) -> float:
        """Return the value of the line at ``x``."""
        return self.intercept + self.slope * x


def fit_line(points: Sequence[tuple[float, float]]) -> Line:
    """Fit a line by least squares.

    Raises:
        ValueError: fewer than two different x.
    """
    x, y = (np.array(column, np.float64) for column in zip(*points, strict=True)) if points else (np.empty(0),) * 2
    if len(np.unique(x)) < 2:
        raise ValueError("a line needs points at two different x")
    slope, intercept = np.polyfit(x, y, 1)
    variance = float(((y - y.mean()) ** 2).sum())
    residual = float(((y - intercept - slope * x) ** 2).sum())
    return Line(float(intercept), float(slope), 1 - residual / variance if variance else 1.0)


def growth_percent(points: Sequence[tuple[float, float]], over: float) -> float:
    """Return how much a fitted line grows over a length of x, percent of the mean of y.

    Raises:
        ValueError: fewer than two different x, or a mean of zero.
    """
    line = fit_line(points)
    mean = float(np.mean([y for _, y in points]))
    if not mean:
        raise ValueError("growth relative to a mean of zero is undefined")
    return 100 * line.slope * over / mean


def crossing(points: Sequence[tuple[float, float]], limit: float) -> float | None:
    """Return the x at which the polyline through the points first exceeds a limit, or None.

    When the first point already exceeds the limit, its x is the answer.
    """
    ordered = sorted(points)
    for (x, y), (next_x, next_y) in pairwise(ordered):
        if y > limit:
            return x
        if next_y > limit:
            return x + (next_x - x) * (limit - y) / (next_y - y)
    return ordered[0][0] if len(ordered) == 1 and ordered[0][1] > limit else None
