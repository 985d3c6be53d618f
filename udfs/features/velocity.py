"""Velocity features: from what a history tells of its windows to the declared columns, a batch at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled
from state.kernel.money import UNITS
from state.kernel.types import Words
from state.windowing import aggregates
from state.windowing.history import History, observe
from udfs.features.feature import HOUR_MS, Aggregate, Velocity
from udfs.features.filters import Filter

Floats = npt.NDArray[np.float64]


_COUNT, _SUM, _MEAN, _MAX, _MIN, _STD, _FIRST, _LAST, _DISTINCT, _RATE, _SHARE = range(11)
_AGGREGATES: Mapping[Aggregate, int] = {
    "count": _COUNT,
    "sum": _SUM,
    "mean": _MEAN,
    "max": _MAX,
    "min": _MIN,
    "std": _STD,
    "first": _FIRST,
    "last": _LAST,
    "distinct": _DISTINCT,
    "rate": _RATE,
    "share": _SHARE,
}


@compiled
def _made(aggregate: int, told: Sequence[float], hours: float) -> float:
    """An aggregate of what is told of one window, (TOLD,), so many hours long."""
    events, units = told[aggregates.EVENTS], told[aggregates.UNITS]
    if aggregate == _COUNT:
        return events
    if aggregate == _SUM:
        return units / UNITS
    if aggregate == _MEAN:
        return units / (events * UNITS)
    if aggregate == _MAX:
        return told[aggregates.HIGHEST] / UNITS
    if aggregate == _MIN:
        return told[aggregates.LOWEST] / UNITS
    if aggregate == _STD:
        # Of a single event 0 / 0: no deviation can be told, and NaN says so.
        return math.sqrt(told[aggregates.SPREAD] / (events * (events - 1.0))) / UNITS
    if aggregate == _FIRST:
        return told[aggregates.FIRST] / UNITS
    if aggregate == _LAST:
        return told[aggregates.LAST] / UNITS
    if aggregate == _DISTINCT:
        return told[aggregates.DISTINCT]
    if aggregate == _RATE:
        return units / (hours * UNITS)
    return told[aggregates.DECLINED] / events


_AGGREGATE, _PART_AT, _PART_WIDTH, _WINDOW, _COLUMN = range(5)
"""Columns of a plan, a row for each column of the block: how it is made; how many windows the parts before have, and
how many its own has; the number of its window there; the number of the column."""


@compiled
def _fill(columns: Floats, told: Floats, plan: Words, hours: Floats) -> None:
    """Write the columns; ``told`` is that of all parts, one after the other."""
    rows = columns.shape[0]
    for row in range(rows):
        for place in range(plan.shape[0]):
            window = plan[place, _PART_AT] * rows + plan[place, _PART_WIDTH] * row + plan[place, _WINDOW]
            columns[row, plan[place, _COLUMN]] = _made(plan[place, _AGGREGATE], told[window], hours[place])


class HasHistories(Protocol):
    """A profile, as far as filtered velocities need it."""

    filtered: dict[str, History]
    lateness: int

    def filtered_history(self, name: str, longest: int, *, counts_distinct: bool) -> History:
        """The history of the payments that a filter lets pass, with windows up to ``longest`` (ms)."""


class _Part(NamedTuple):
    """The velocities over the payments that one filter lets pass.

    Attributes:
        filter: None: all of them.
        lengths: every window that one of them has, ms, ascending.
        longest: the last of them.
        parties: whether one of them counts different parties.
    """

    filter: Filter | None
    lengths: Words
    longest: int
    parties: bool


class WindowOutputs(NamedTuple):
    """What is told of the windows that end with the payments of a batch.

    Attributes:
        whole: (windows of all payments, ``windows.TOLD``): part after part, in each payment after payment.
        parts: the same memory, for all payments and then for those that each filter lets pass, as (n, windows, TOLD).
    """

    whole: Floats
    parts: list[Floats]


class VelocityBlock:
    """The declared velocities of one entity.

    Args:
        velocities: of one entity, in column order; at least one without a filter.

    Attributes:
        lengths: the windows of those without a filter, ms, ascending: what to ask a profile's ``observe`` for.
        width: number of columns.
    """

    def __init__(self, velocities: Sequence[Velocity]) -> None:
        self.width = sum(len(velocity.windows_ms) for velocity in velocities)
        grouped: defaultdict[Filter | None, list[Velocity]] = defaultdict(list)
        for velocity in velocities:
            grouped[velocity.filter].append(velocity)
        self._all = _part(None, grouped[None])
        self._filtered = [(where, _part(where, some)) for where, some in grouped.items() if where is not None]
        self.lengths = self._all.lengths
        self._parts = [self._all, *(part for _, part in self._filtered)]
        self._windows = sum(len(part.lengths) for part in self._parts)
        self._plan, self._hours = self._planned(velocities)

    def _planned(self, velocities: Sequence[Velocity]) -> tuple[Words, Floats]:
        """(width, 5) and the hours of each column's window, (width,)."""
        plan, hours = list[tuple[int, ...]](), list[float]()
        starts, at = dict[Filter | None, tuple[int, list[int]]](), 0
        for part in self._parts:
            starts[part.filter] = at, part.lengths.tolist()
            at += len(part.lengths)
        for velocity in velocities:
            start, lengths = starts[velocity.filter]
            for length in velocity.windows_ms:
                window, aggregate = lengths.index(length), _AGGREGATES[velocity.aggregate]
                plan.append((aggregate, start, len(lengths), window, len(plan)))
                hours.append(length / HOUR_MS)
        # In the order in which it lies in memory.
        order = sorted(range(len(plan)), key=lambda place: plan[place][_PART_AT : _WINDOW + 1])
        return np.array([plan[place] for place in order], np.int64), np.array([hours[place] for place in order])

    def told(self, payments: int) -> WindowOutputs:
        """Room for what is told of so many payments' windows: of all, then of each filter's, where nothing passed."""
        whole = np.zeros((payments * self._windows, aggregates.OUT_WIDTH))
        whole[payments * len(self.lengths) :, aggregates.LOWEST :] = np.nan
        parts, at = list[Floats](), 0
        for part in self._parts:
            end = at + payments * len(part.lengths)
            parts.append(whole[at:end].reshape(payments, len(part.lengths), aggregates.OUT_WIDTH))
            at = end
        return WindowOutputs(whole, parts)

    def observe_filtered(
        self,
        profiles: Sequence[HasHistories],
        payments: Sequence[object],
        told_of: Words,
        told: WindowOutputs,
    ) -> None:
        """Take payments into the histories of the filters that let them pass, and tell of the windows of all.

        Args:
            profiles: of the entity, n, one for each payment.
            payments: n, in order of arrival, with the fields that filters look at.
            told_of: (n, facts.OF_SHARED or more).
            told: what ``told`` made; written.
        """
        for (where, part), of_part in zip(self._filtered, told.parts[1:], strict=True):
            histories, rows, counts = list[History](), list[int](), list[bool]()
            name, longest = where.name, part.longest
            for row, (profile, passed) in enumerate(zip(profiles, where.passing(payments), strict=True)):
                history = profile.filtered.get(name)
                if history is None:
                    if not passed:
                        continue
                    history = profile.filtered_history(name, longest, counts_distinct=part.parties)
                elif history.retention != longest + profile.lateness:
                    history = profile.filtered_history(name, longest, counts_distinct=part.parties)
                histories.append(history)
                rows.append(row)
                counts.append(passed)
            if rows:
                observe(histories, told_of, np.array(counts), part.lengths, np.array(rows), of_part)

    def fill(self, columns: Floats, told: WindowOutputs) -> None:
        """Write the columns.

        Args:
            columns: (n, width or more), the first are written.
            told: what ``told`` made, and the profiles have filled.
        """
        _fill(columns, told.whole, self._plan, self._hours)


def _part(where: Filter | None, velocities: Sequence[Velocity]) -> _Part:
    lengths = sorted({length for velocity in velocities for length in velocity.windows_ms})
    parties = any(velocity.aggregate == "distinct" for velocity in velocities)
    return _Part(where, np.array(lengths, np.int64), lengths[-1], parties)
