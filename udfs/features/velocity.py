"""Velocity features: from what a history tells of its windows to the declared columns, a batch at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from state import windows
from state.events import Words
from state.history import History, observe
from state.moments import UNITS
from udfs.features.feature import HOUR_MS, Aggregate, Velocity
from udfs.features.filters import Filter

Floats = npt.NDArray[np.float64]


def _std(told: Floats, hours: Floats) -> Floats:
    count = told[windows.EVENTS]
    # Of a single event 0 / 0: no deviation can be told, and NaN says so.
    variance: Floats = told[windows.SPREAD] / (count * (count - 1.0))
    return np.sqrt(variance) / UNITS


# Each takes what is told of the windows, fields first, (TOLD, n, windows), and the windows' hours, (windows,).
_AGGREGATES: Mapping[Aggregate, Callable[[Floats, Floats], Floats]] = {
    "count": lambda told, hours: told[windows.EVENTS],
    "sum": lambda told, hours: told[windows.UNITS] / UNITS,
    "mean": lambda told, hours: told[windows.UNITS] / (told[windows.EVENTS] * UNITS),
    "max": lambda told, hours: told[windows.HIGHEST] / UNITS,
    "min": lambda told, hours: told[windows.LOWEST] / UNITS,
    "first": lambda told, hours: told[windows.FIRST] / UNITS,
    "last": lambda told, hours: told[windows.LAST] / UNITS,
    "std": _std,
    "distinct": lambda told, hours: told[windows.DISTINCT],
    "rate": lambda told, hours: told[windows.UNITS] / (hours * UNITS),
    "share": lambda told, hours: told[windows.DECLINED] / told[windows.EVENTS],
}


class HasHistories(Protocol):
    """A profile, as far as filtered velocities need it."""

    filtered: dict[str, History]
    lateness: int

    def filter(self, name: str, longest: int, *, parties: bool) -> History:
        """The history of the payments that a filter lets pass, with windows up to ``longest`` (ms)."""


class _Part(NamedTuple):
    """The velocities over the payments that one filter lets pass.

    Attributes:
        filter: None: all of them.
        lengths: every window that one of them has, ms, ascending.
        longest: the last of them.
        parties: whether one of them counts different parties.
        hours: the same in hours.
        columns: where each goes, how it is made, and from which windows.
    """

    filter: Filter | None
    lengths: Words
    longest: int
    parties: bool
    hours: Floats
    columns: list[tuple[slice, Callable[[Floats, Floats], Floats], list[int]]]


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
        placed: defaultdict[Filter | None, list[tuple[slice, Velocity]]] = defaultdict(list)
        start = 0
        for velocity in velocities:
            end = start + len(velocity.windows_ms)
            placed[velocity.where].append((slice(start, end), velocity))
            start = end
        self._all = _part(None, placed.pop(None))
        self._filtered = [(where, _part(where, some)) for where, some in placed.items() if where is not None]
        self.lengths = self._all.lengths

    def told(self, payments: int) -> list[Floats]:
        """Room for what is told of so many payments' windows: of all, then of each filter's, where nothing passed."""
        parts = [self._all, *(part for _, part in self._filtered)]
        made = [np.zeros((payments, len(part.lengths), windows.TOLD)) for part in parts]
        for told in made[1:]:
            told[:, :, windows.LOWEST :] = np.nan
        return made

    def observe_filtered(
        self,
        profiles: Sequence[HasHistories],
        payments: Sequence[object],
        told_of: Words,
        told: Sequence[Floats],
    ) -> None:
        """Take payments into the histories of the filters that let them pass, and tell of the windows of all.

        Args:
            profiles: of the entity, n, one for each payment.
            payments: n, in order of arrival, with the fields that filters look at.
            told_of: (n, facts.OF_SHARED or more).
            told: what ``told`` made; written.
        """
        for (where, part), of_part in zip(self._filtered, told[1:], strict=True):
            histories, rows, counts = list[History](), list[int](), list[bool]()
            name, passes = where.name, where.passes
            for row, (profile, payment) in enumerate(zip(profiles, payments, strict=True)):
                passed = passes(payment)
                if not passed and name not in profile.filtered:
                    continue
                histories.append(self._history(profile, where, part))
                rows.append(row)
                counts.append(passed)
            if rows:
                observe(histories, told_of, np.array(counts), part.lengths, np.array(rows), of_part)

    @staticmethod
    def _history(profile: HasHistories, where: Filter, part: _Part) -> History:
        history = profile.filtered.get(where.name)
        if history is None or history.retention != part.longest + profile.lateness:
            return profile.filter(where.name, part.longest, parties=part.parties)
        return history

    def fill(self, columns: Floats, told: Sequence[Floats]) -> None:
        """Write the columns.

        Args:
            columns: (n, width), written.
            told: what ``told`` made, and the profiles have filled.
        """
        parts = [self._all, *(part for _, part in self._filtered)]
        with np.errstate(invalid="ignore", divide="ignore"):
            for part, of_part in zip(parts, told, strict=True):
                fields = of_part.transpose(2, 0, 1)
                for where, aggregate, places in part.columns:
                    columns[:, where] = aggregate(fields, part.hours)[:, places]


def _part(where: Filter | None, velocities: Sequence[tuple[slice, Velocity]]) -> _Part:
    lengths = sorted({length for _, velocity in velocities for length in velocity.windows_ms})
    return _Part(
        where,
        np.array(lengths, np.int64),
        lengths[-1],
        any(velocity.aggregate == "distinct" for _, velocity in velocities),
        np.array(lengths) / HOUR_MS,
        [
            (columns, _AGGREGATES[velocity.aggregate], [lengths.index(length) for length in velocity.windows_ms])
            for columns, velocity in velocities
        ],
    )
