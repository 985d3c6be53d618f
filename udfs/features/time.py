"""Features of time: the clock and the calendar, and the gap since the user's last payment."""

from __future__ import annotations

import math

from state.kernel.jit import compiled
from state.kernel.times import DAY_MS, HOUR_MS
from state.kernel.types import Floats
from udfs.features.feature import FIRST_OF_USER, Feature, indicator
from udfs.features.formula import columns_of, flag, ratio
from udfs.features.inputs import FeatureInputs

RAPID_S = 60.0
VERY_RAPID_S = 10.0
# From the first hour to before the second one, UTC.
BUSINESS_HOURS = (9, 17)  # Monday to Friday
LATE_NIGHT_HOURS = (0, 5)
NIGHT_HOURS = (0, 7)  # as the Fraud Detection Handbook defines it

_THURSDAY = 3  # Monday is 0
_SATURDAY = 5
_EPOCH_WEEKDAY = _THURSDAY  # of 1 January 1970


FEATURES: tuple[Feature, ...] = (
    Feature(measure="time", aggregate="hour", meaning="Hour of the day, UTC.", unit="hour", high=23.0),
    Feature(measure="time", aggregate="weekday", meaning="Day of the week, UTC; Monday is 0.", unit="day", high=6.0),
    indicator("time", "Saturday or Sunday, UTC.", aggregate="weekend"),
    indicator("time", "Monday to Friday from 09:00 to before 17:00, UTC.", aggregate="business_hours"),
    indicator("time", "From 00:00 to before 05:00, UTC.", aggregate="late_night"),
    indicator("time", "From 00:00 to before 07:00, UTC.", aggregate="night"),
    Feature(
        entity="user",
        measure="transaction",
        aggregate="gap",
        meaning="Time since the user's last transaction.",
        unit="seconds",
        absent=FIRST_OF_USER,
    ),
    indicator(
        "transaction",
        f"Less than {RAPID_S:g} s since the user's last transaction.",
        entity="user",
        aggregate="rapid",
        absent=FIRST_OF_USER,
    ),
    indicator(
        "transaction",
        f"Less than {VERY_RAPID_S:g} s since the user's last transaction.",
        entity="user",
        aggregate="very_rapid",
        absent=FIRST_OF_USER,
    ),
    Feature(
        entity="user",
        measure="hour",
        aggregate="share",
        meaning="Share of the user's earlier transactions in this hour of the day; 0 is an hour never seen.",
        unit="share",
        high=1.0,
        absent=FIRST_OF_USER,
    ),
)
COLUMN = columns_of(FEATURES)


@compiled
def _in_hours(hour: float, hours: tuple[int, int]) -> bool:
    return hours[0] <= hour < hours[1]


@compiled
def compute(inputs: FeatureInputs, out: Floats) -> None:
    """Write the features of one payment.

    Args:
        inputs: of the payment.
        out: (len(FEATURES),), written.
    """
    hour, weekday = inputs.time // HOUR_MS % 24, (inputs.time // DAY_MS + _EPOCH_WEEKDAY) % 7
    gap_s, has_last = (inputs.time - inputs.last_time) / 1_000, inputs.last_time > -math.inf
    out[COLUMN.time_hour] = hour
    out[COLUMN.time_weekday] = weekday
    out[COLUMN.time_weekend] = weekday >= _SATURDAY
    out[COLUMN.time_business_hours] = weekday < _SATURDAY and _in_hours(hour, BUSINESS_HOURS)
    out[COLUMN.time_late_night] = _in_hours(hour, LATE_NIGHT_HOURS)
    out[COLUMN.time_night] = _in_hours(hour, NIGHT_HOURS)
    out[COLUMN.user_transaction_gap] = gap_s
    out[COLUMN.user_transaction_rapid] = flag(gap_s < RAPID_S, has_last)
    out[COLUMN.user_transaction_very_rapid] = flag(gap_s < VERY_RAPID_S, has_last)
    out[COLUMN.user_hour_share] = ratio(inputs.hour_count, inputs.earlier_count)
