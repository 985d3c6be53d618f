"""Velocity features: from what a history tells of its windows to the declared columns, a batch at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from state.history import FIELDS_IN_FULL
from state.moments import UNITS
from udfs.features.feature import HOUR_MS, Aggregate, Velocity

Floats = npt.NDArray[np.float64]

_COUNT, _DECLINED, _UNITS, _DISTINCT, _SPREAD, _LOW, _HIGH = range(len(FIELDS_IN_FULL))


def _std(told: Floats, hours: Floats) -> Floats:
    count = told[_COUNT]
    # Of a single event 0 / 0: no deviation can be told, and NaN says so.
    variance: Floats = told[_SPREAD] / (count * (count - 1.0))
    return np.sqrt(variance) / UNITS


# Each takes what is told of the windows, fields first, (fields, n, windows), and the windows' hours, (windows,).
_AGGREGATES: dict[Aggregate, Callable[[Floats, Floats], Floats]] = {
    "count": lambda told, hours: told[_COUNT],
    "sum": lambda told, hours: told[_UNITS] / UNITS,
    "mean": lambda told, hours: told[_UNITS] / (told[_COUNT] * UNITS),
    "max": lambda told, hours: told[_HIGH] / UNITS,
    "min": lambda told, hours: told[_LOW] / UNITS,
    "std": _std,
    "distinct": lambda told, hours: told[_DISTINCT],
    "rate": lambda told, hours: told[_UNITS] / (hours * UNITS),
    "share": lambda told, hours: told[_DECLINED] / told[_COUNT],
}


def _floats(told: Sequence[int]) -> Floats:
    try:
        return np.frombuffer(array("q", told), np.int64).astype(np.float64)
    except OverflowError:  # the spread of amounts in the hundred thousands; this is twice as slow
        return np.array(told, np.float64)


class VelocityBlock:
    """The declared velocities of one entity.

    Args:
        velocities: of one entity, in column order.

    Attributes:
        windows: every window that one of them has, ms, ascending: what to ask ``History.observe`` for.
        width: number of columns.
    """

    def __init__(self, velocities: Sequence[Velocity]) -> None:
        self.windows = tuple(sorted({window for velocity in velocities for window in velocity.windows_ms}))
        self.width = sum(len(velocity.windows_ms) for velocity in velocities)
        self._hours = np.array(self.windows) / HOUR_MS
        self._columns = [
            (_AGGREGATES[velocity.aggregate], self._places(velocity.windows_ms)) for velocity in velocities
        ]

    def _places(self, windows: Sequence[int]) -> list[int] | slice:
        if tuple(windows) == self.windows:
            return slice(None)
        return [self.windows.index(window) for window in windows]

    def fill(self, columns: Floats, told: Sequence[int]) -> None:
        """Write the columns.

        Args:
            columns: (n, width), written.
            told: what ``History.observe`` appended for n events.
        """
        fields = _floats(told).reshape(len(columns), len(self.windows), -1).transpose(2, 0, 1)
        start = 0
        with np.errstate(invalid="ignore", divide="ignore"):
            for aggregate, places in self._columns:
                block = aggregate(fields, self._hours)[:, places]
                end = start + block.shape[1]
                columns[:, start:end] = block
                start = end
