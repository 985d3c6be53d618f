"""Velocity features: aggregates of an entity's payments over sliding windows of event time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from state.kernel.jit import compiled
from state.kernel.money import UNITS
from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from state.windowing import aggregates
from udfs.features.feature import Feature, window_name
from udfs.features.filters import DECLINED, WEB, Filter

Aggregate = Literal["count", "sum", "mean", "max", "min", "std", "first", "last", "distinct", "rate", "share"]
_COUNT, _SUM, _MEAN, _MAX, _MIN, _STD, _FIRST, _LAST, _DISTINCT, _RATE, _SHARE = range(len(get_args(Aggregate)))
AGGREGATE_CODES: Mapping[Aggregate, int] = {name: code for code, name in enumerate(get_args(Aggregate))}
"""Numbers of the aggregates in compiled code."""


@compiled
def aggregate_window(aggregate: int, window: Sequence[float], hours: float) -> float:
    """Compute an aggregate of one window; NaN if the window lacks what the aggregate needs.

    Args:
        aggregate: one of ``AGGREGATE_CODES``.
        window: (aggregates.OUT_WIDTH,), columns of ``state.windowing.aggregates``.
        hours: length of the window.
    """
    events, units = window[aggregates.EVENTS], window[aggregates.UNITS]
    if aggregate == _COUNT:
        return events
    if aggregate == _SUM:
        return units / UNITS
    if aggregate == _MEAN:
        return units / (events * UNITS)
    if aggregate == _MAX:
        return window[aggregates.HIGHEST] / UNITS
    if aggregate == _MIN:
        return window[aggregates.LOWEST] / UNITS
    if aggregate == _STD:
        # 0 / 0 for a single event, which has no deviation: NaN.
        return math.sqrt(window[aggregates.SPREAD] / (events * (events - 1.0))) / UNITS
    if aggregate == _FIRST:
        return window[aggregates.FIRST] / UNITS
    if aggregate == _LAST:
        return window[aggregates.LAST] / UNITS
    if aggregate == _DISTINCT:
        return window[aggregates.DISTINCT]
    if aggregate == _RATE:
        return units / (hours * UNITS)
    return window[aggregates.DECLINED] / events


class _Wording(NamedTuple):
    """Wording and range of the features of an aggregate; ``{measure}`` is replaced.

    Attributes:
        phrase: beginning of the meaning.
        unit: unit of the value.
        high: largest value.
        absent: when it is absent if all payments count.
        absent_if_filtered: when it is absent if only some payments count.
    """

    phrase: str
    unit: str
    high: float = math.inf
    absent: str = ""
    absent_if_filtered: str = ""


_MONEY = "currency units"
_NONE = "no such transaction in the window"
_FEW = "fewer than two transactions in the window"
_WORDING: Mapping[Aggregate, _Wording] = {
    "count": _Wording("Number", "transactions"),
    "sum": _Wording("Sum of the {measure}s", _MONEY),
    "mean": _Wording("Mean {measure}", _MONEY, absent_if_filtered=_NONE),
    "max": _Wording("Largest {measure}", _MONEY, absent_if_filtered=_NONE),
    "min": _Wording("Smallest {measure}", _MONEY, absent_if_filtered=_NONE),
    "first": _Wording("First {measure}", _MONEY, absent_if_filtered=_NONE),
    "last": _Wording("Last {measure}", _MONEY, absent_if_filtered=_NONE),
    "std": _Wording("Sample standard deviation of the {measure}s", _MONEY, absent=_FEW, absent_if_filtered=_FEW),
    "distinct": _Wording("Number of different {measure}s", "{measure}s"),
    "rate": _Wording("Sum of the {measure}s, per hour of window,", "currency units an hour"),
    "share": _Wording("Share {measure}", "share", high=1.0, absent_if_filtered=_NONE),
}


_COUNTERPARTY: Mapping[str, str] = {"user": "merchant", "device": "user", "merchant": "user"}
"""The other key of a payment, as the profile of each entity stores it."""


@dataclass(frozen=True, slots=True)
class Velocity:
    """Declaration of one velocity: a feature for each of its windows.

    Attributes:
        entity: the key whose payments are aggregated: ``user``, ``device`` or ``merchant``.
        measure: ``transaction`` of a count, ``declined`` of a share, the other key if distinct, else ``amount``.
        aggregate: aggregate of the measure.
        windows_ms: lengths of the windows, milliseconds.
        filter: which payments count; None: all.

    Raises:
        ValueError: the aggregate cannot be computed of this measure.

    Examples:
        >>> [feature.name for feature in Velocity("user", "amount", "sum", (HOUR_MS, 7 * DAY_MS), WEB).features()]
        ['user_web_amount_sum_1h', 'user_web_amount_sum_7d']
    """

    entity: str
    measure: str
    aggregate: Aggregate
    windows_ms: tuple[int, ...]
    filter: Filter | None = None

    def __post_init__(self) -> None:
        measures: Mapping[Aggregate, str] = {
            "count": "transaction",
            "share": "declined",
            "distinct": _COUNTERPARTY[self.entity],
        }
        if self.measure != (measure := measures.get(self.aggregate, "amount")):
            raise ValueError(f"{self.aggregate} of a {self.entity} is computed of {measure}, not of {self.measure}")

    def features(self) -> tuple[Feature, ...]:
        """Declare the features, one for each window."""
        wording = _WORDING[self.aggregate]
        prefix = "" if self.filter is None else f"{self.filter.name}_"
        transactions = f"{prefix.replace('_', ' ')}transactions"
        phrase = wording.phrase.format(measure=self.measure)
        return tuple(
            Feature(
                entity=self.entity,
                measure=f"{prefix}{self.measure}",
                aggregate=self.aggregate,
                window_ms=window,
                meaning=f"{phrase} of the {self.entity}'s {transactions} in the last {window_name(window)}, "
                "this one included.",
                unit=wording.unit.format(measure=self.measure),
                high=wording.high,
                absent=wording.absent if self.filter is None else wording.absent_if_filtered,
            )
            for window in self.windows_ms
        )


USER_WINDOWS = (5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
SHARED_WINDOWS = (5 * MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS)

USER_VELOCITY = (
    Velocity("user", "transaction", "count", USER_WINDOWS),
    Velocity("user", "amount", "sum", USER_WINDOWS),
    Velocity("user", "amount", "mean", USER_WINDOWS),
    Velocity("user", "amount", "max", USER_WINDOWS),
    Velocity("user", "amount", "min", USER_WINDOWS),
    Velocity("user", "amount", "std", USER_WINDOWS),
    Velocity("user", "merchant", "distinct", USER_WINDOWS),
    Velocity("user", "amount", "rate", USER_WINDOWS),
    Velocity("user", "amount", "first", (HOUR_MS, DAY_MS)),
    Velocity("user", "transaction", "count", (HOUR_MS, DAY_MS, 7 * DAY_MS), DECLINED),
    Velocity("user", "amount", "last", (DAY_MS,), DECLINED),
    Velocity("user", "amount", "sum", (HOUR_MS, DAY_MS, 7 * DAY_MS), WEB),
)
DEVICE_VELOCITY = (
    Velocity("device", "transaction", "count", SHARED_WINDOWS),
    Velocity("device", "amount", "sum", SHARED_WINDOWS),
    Velocity("device", "user", "distinct", SHARED_WINDOWS),
    Velocity("device", "declined", "share", SHARED_WINDOWS),
)
MERCHANT_VELOCITY = (
    Velocity("merchant", "transaction", "count", SHARED_WINDOWS),
    Velocity("merchant", "amount", "sum", SHARED_WINDOWS),
    Velocity("merchant", "user", "distinct", SHARED_WINDOWS),
    Velocity("merchant", "declined", "share", SHARED_WINDOWS),
)
