"""Columns of an entity's velocities, computed a batch at a time from the windows that its profiles aggregate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from state.kernel.jit import compiled
from state.kernel.times import HOUR_MS
from state.kernel.types import Floats, Words
from state.profiles.profile import Profile
from state.windowing import aggregates
from state.windowing.history import History, observe
from udfs.features.filters import Filter
from udfs.features.velocity import AGGREGATE_CODES, Velocity, aggregate_window

_AGGREGATE, _OFFSET, _STRIDE, _WINDOW, _COLUMN = range(5)
"""Columns of a plan, which has a row for each column of the block: the aggregate; the number of windows of all
preceding selections, and of its own one; the number of its window there; the number of the column."""


@compiled
def _fill(columns: Floats, windows: Floats, plan: Words, hours: Floats) -> None:
    """Write the columns.

    Args:
        columns: (n, width or more), the first are written.
        windows: ``WindowOutputs.flat``.
        plan: (width, 5).
        hours: (width,), lengths of the windows.
    """
    rows = columns.shape[0]
    for row in range(rows):
        for step in range(plan.shape[0]):
            window = plan[step, _OFFSET] * rows + plan[step, _STRIDE] * row + plan[step, _WINDOW]
            columns[row, plan[step, _COLUMN]] = aggregate_window(plan[step, _AGGREGATE], windows[window], hours[step])


class _Selection(NamedTuple):
    """The velocities that count the same payments.

    Attributes:
        filter: which payments; None: all.
        lengths: the windows of all these velocities, ms, ascending.
        longest: the last of them.
        distinct: whether one of the velocities counts distinct keys.
    """

    filter: Filter | None
    lengths: Words
    longest: int
    distinct: bool


class WindowOutputs(NamedTuple):
    """Aggregates of the windows that end with the payments of a batch.

    Attributes:
        flat: (windows of all payments, aggregates.OUT_WIDTH): selection by selection, payment by payment.
        unfiltered: view of the windows over all payments, (n, windows, aggregates.OUT_WIDTH).
        filtered: views of the windows over each filter's payments, of the same shape.
    """

    flat: Floats
    unfiltered: Floats
    filtered: list[Floats]


class VelocityBlock:
    """The columns of the declared velocities of one entity.

    Args:
        velocities: of one entity, in column order; at least one without a filter.

    Attributes:
        lengths: windows of the velocities without a filter, ms, ascending; a profile aggregates these.
        width: number of columns.
    """

    def __init__(self, velocities: Sequence[Velocity]) -> None:
        self.width = sum(len(velocity.windows_ms) for velocity in velocities)
        by_filter: defaultdict[Filter | None, list[Velocity]] = defaultdict(list)
        for velocity in velocities:
            by_filter[velocity.filter].append(velocity)
        unfiltered = _selection(None, by_filter.pop(None))
        self._filtered = [(selected, _selection(selected, some)) for selected, some in by_filter.items() if selected]
        self._selections = [unfiltered, *(selection for _, selection in self._filtered)]
        self.lengths = unfiltered.lengths
        self._windows = sum(len(selection.lengths) for selection in self._selections)
        self._plan, self._hours = self._planned(velocities)

    def _planned(self, velocities: Sequence[Velocity]) -> tuple[Words, Floats]:
        """Plan of the columns, (width, 5), and the hours of each one's window, (width,)."""
        plan, hours = list[tuple[int, ...]](), list[float]()
        offsets, offset = dict[Filter | None, tuple[int, list[int]]](), 0
        for selection in self._selections:
            offsets[selection.filter] = offset, selection.lengths.tolist()
            offset += len(selection.lengths)
        for velocity in velocities:
            start, lengths = offsets[velocity.filter]
            for length in velocity.windows_ms:
                window, aggregate = lengths.index(length), AGGREGATE_CODES[velocity.aggregate]
                plan.append((aggregate, start, len(lengths), window, len(plan)))
                hours.append(length / HOUR_MS)
        # The windows are read in the order in which they lie in memory.
        order = sorted(range(len(plan)), key=lambda column: plan[column][_OFFSET : _WINDOW + 1])
        return np.array([plan[column] for column in order], np.int64), np.array([hours[column] for column in order])

    def allocate(self, payments: int) -> WindowOutputs:
        """Allocate the window aggregates of a number of payments; filtered ones are those of empty windows."""
        flat = np.zeros((payments * self._windows, aggregates.OUT_WIDTH))
        flat[payments * len(self.lengths) :, aggregates.LOWEST :] = np.nan
        views, start = list[Floats](), 0
        for selection in self._selections:
            end = start + payments * len(selection.lengths)
            views.append(flat[start:end].reshape(payments, len(selection.lengths), aggregates.OUT_WIDTH))
            start = end
        return WindowOutputs(flat, views[0], views[1:])

    def update_filtered(
        self, profiles: Sequence[Profile], payments: Sequence[object], events: Words, outputs: WindowOutputs
    ) -> None:
        """Update the filtered histories of profiles with payments, and aggregate their windows.

        Args:
            profiles: of the entity, n, one for each payment.
            payments: n, in order of arrival, with the fields that filters look at.
            events: (n, SHARED_EVENT_WIDTH or more).
            outputs: allocated by ``allocate``; ``filtered`` is written.
        """
        for (selected, selection), out in zip(self._filtered, outputs.filtered, strict=True):
            histories, rows, counts = list[History](), list[int](), list[bool]()
            name, longest, distinct = selected.name, selection.longest, selection.distinct
            for row, (profile, passed) in enumerate(zip(profiles, selected.mask(payments), strict=True)):
                history = profile.filtered.get(name)
                if history is None:
                    if not passed:
                        continue
                    history = profile.filtered_history(name, longest, counts_distinct=distinct)
                elif history.retention != longest + profile.lateness:
                    history = profile.filtered_history(name, longest, counts_distinct=distinct)
                histories.append(history)
                rows.append(row)
                counts.append(passed)
            if rows:
                observe(histories, events, np.array(counts), selection.lengths, np.array(rows), out)

    def fill(self, columns: Floats, outputs: WindowOutputs) -> None:
        """Write the columns.

        Args:
            columns: (n, width or more), the first are written.
            outputs: allocated by ``allocate`` and filled by ``update_filtered`` and the profiles.
        """
        _fill(columns, outputs.flat, self._plan, self._hours)


def _selection(selected: Filter | None, velocities: Sequence[Velocity]) -> _Selection:
    lengths = sorted({length for velocity in velocities for length in velocity.windows_ms})
    distinct = any(velocity.aggregate == "distinct" for velocity in velocities)
    return _Selection(selected, np.array(lengths, np.int64), lengths[-1], distinct)
