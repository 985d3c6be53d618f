"""Totals of decisions by minute and merchant, for the one-minute metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from state.kernel.times import MINUTE_MS

MINUTE_COLUMNS = ("transactions", "amount", "alerts", "blocked", "challenged", "monitored", "late", "too_late")
"""Columns of the totals; ``amount`` is a sum in currency units, regardless of currency."""

Totals = list[float]
"""One number for each of ``MINUTE_COLUMNS``."""

_ACTIONS = {"block": "blocked", "challenge": "challenged", "monitor": "monitored"}
_TRANSACTIONS, _AMOUNT, _ALERTS, _LATE, _TOO_LATE = (
    MINUTE_COLUMNS.index(name) for name in ("transactions", "amount", "alerts", "late", "too_late")
)
_BY_ACTION = {action: MINUTE_COLUMNS.index(name) for action, name in _ACTIONS.items()}
_ZERO = [0.0] * len(MINUTE_COLUMNS)


Key = TypeVar("Key")


class MinuteTotals(NamedTuple):
    """Totals of a merchant in the minute that begins at ``minute`` (epoch milliseconds)."""

    minute: int
    merchant_id: str
    totals: Totals


class MinuteAggregator:
    """Totals of one batch by minute and merchant, in order of first occurrence.

    Args:
        watermark: event time up to which minutes are closed, epoch milliseconds. A decision behind it counts in the
            minute of the watermark: late decisions are counted late, and not lost.
    """

    __slots__ = ("_totals", "_watermark")

    def __init__(self, watermark: int) -> None:
        self._watermark = watermark
        self._totals: dict[tuple[int, str], Totals] = {}

    def add(
        self,
        merchant_id: str,
        event_time: int,
        amount: float,
        action: str,
        *,
        alert: bool,
        late: bool,
        too_late: bool,
    ) -> None:
        """Count a decision."""
        moment = event_time if event_time > self._watermark else self._watermark
        place = (moment - moment % MINUTE_MS, merchant_id)
        totals = self._totals.get(place)
        if totals is None:
            totals = self._totals[place] = _ZERO.copy()
        totals[_TRANSACTIONS] += 1
        totals[_AMOUNT] += amount
        if alert:
            totals[_ALERTS] += 1
        if late:
            totals[_LATE] += 1
            totals[_TOO_LATE] += too_late
        column = _BY_ACTION.get(action)
        if column is not None:
            totals[column] += 1

    def __iter__(self) -> Iterator[MinuteTotals]:
        return (MinuteTotals(minute, merchant_id, totals) for (minute, merchant_id), totals in self._totals.items())

    def totals(self) -> list[tuple[int, Totals]]:
        """Totals of all merchants by minute."""
        minutes: dict[int, Totals] = {}
        for minute, _, totals in self:
            add_up(minutes, minute, totals)
        return list(minutes.items())


def add_up(sums: dict[Key, Totals], key: Key, more: Totals) -> None:
    """Add totals to those of a key."""
    totals = sums.get(key)
    if totals is None:
        sums[key] = more.copy()
    else:
        for column, value in enumerate(more):
            totals[column] += value
