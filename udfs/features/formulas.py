"""How the single features of a user's payment follow from the payment and the user's history, a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from state.moments import UNITS
from udfs.features.feature import DAY_MS, HOUR_MS
from udfs.features.singles import (
    BUSINESS_HOURS,
    HIGH_AMOUNT,
    LATE_NIGHT_HOURS,
    NIGHT_HOURS,
    RAPID_S,
    SMALL_AMOUNT,
    USER_SINGLES,
    VERY_RAPID_S,
)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_FIRST_DAY = 3  # 1 January 1970 was a Thursday; Monday is 0
_SATURDAY = 5
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
_HOUR_S = 3_600
_RADIANS = math.pi / 180e6


class Beside(NamedTuple):
    """Payments beside what was before each of them, one column a field; NaN where there is nothing to tell.

    Attributes:
        time: of the payment, epoch ms.
        amount: of the payment, currency units.
        units: the same in units of ``state.moments``.
        created: when the account was opened, epoch ms.
        limit: credit limit of the account, currency units.
        category_risk: of the merchant's category.
        latitude, longitude: of the payment, millionths of a degree.
        high_risk: 1 if the country is one of high risk, else 0.
        card_present: 1 or 0.
        count, total, spread, high: of all the user's earlier payments: how many, their units, n (n - 1) times the
            sample variance of the units, the largest.
        last: time of the one before, epoch ms.
        same_hour: how many of the earlier ones were in this hour of the day.
        visits: how many of them went to this merchant.
        repeated: 1 if one of the last day was of just this amount, else 0.
        account_events: of the last day.
        device_new: 1 if none of the earlier ones was made with this device, else 0.
        last_time, last_latitude, last_longitude: of the last payment with a place: epoch ms, millionths of a degree.
        usual_latitude, usual_longitude: where the user pays most, millionths of a degree.
        foreign: 1 if the country is not the one of most earlier payments, else 0.
        country_count: earlier payments in this country.
        located: earlier payments with a country.
        channel_count: earlier payments through this channel.
        channelled: earlier payments with a channel.
    """

    time: Floats
    amount: Floats
    units: Floats
    created: Floats
    limit: Floats
    category_risk: Floats
    latitude: Floats
    longitude: Floats
    high_risk: Floats
    card_present: Floats
    # From here on as ``state.habits`` and ``state.surroundings`` tell.
    count: Floats  # type: ignore[assignment]  # hides tuple.count, which nobody asks of columns
    total: Floats
    spread: Floats
    high: Floats
    last: Floats
    same_hour: Floats
    visits: Floats
    repeated: Floats
    account_events: Floats
    device_new: Floats
    last_time: Floats
    last_latitude: Floats
    last_longitude: Floats
    usual_latitude: Floats
    usual_longitude: Floats
    foreign: Floats
    country_count: Floats
    located: Floats
    channel_count: Floats
    channelled: Floats

    @property
    def hour(self) -> Floats:
        """Hour of the day, UTC."""
        return self.time // HOUR_MS % 24

    @property
    def weekday(self) -> Floats:
        """Day of the week, UTC; Monday is 0."""
        return (self.time // DAY_MS + _FIRST_DAY) % 7

    @property
    def gap(self) -> Floats:
        """Seconds since the payment before."""
        return (self.time - self.last) / 1_000

    @property
    def moved(self) -> Floats:
        """Kilometres since the last payment with a place."""
        return kilometres(self.latitude, self.longitude, self.last_latitude, self.last_longitude)


def _over(part: Floats, whole: Floats) -> Floats:
    """The ratio, absent unless the whole is above zero."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def kilometres(latitude: Floats, longitude: Floats, other_latitude: Floats, other_longitude: Floats) -> Floats:
    """Distance along the surface of a round Earth, by the haversine formula; off by 0.6 % at most.

    Args:
        latitude: millionths of a degree, (n,), like the others.
        longitude: of the same place.
        other_latitude: of the other place.
        other_longitude: of the other place.
    """
    north, north_other = latitude * _RADIANS, other_latitude * _RADIANS
    half_north, half_east = (north_other - north) / 2, (other_longitude - longitude) * _RADIANS / 2
    chord = np.sin(half_north) ** 2 + np.cos(north) * np.cos(north_other) * np.sin(half_east) ** 2
    distance: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distance


def _if_known(flag: Flags, known: Flags) -> Floats:
    return np.where(known, flag, np.nan)


def _in_hours(hour: Floats, hours: range) -> Flags:
    return (hour >= hours.start) & (hour < hours.stop)


def _zscore(b: Beside) -> Floats:
    return _over(b.units - _over(b.total, b.count), np.sqrt(_over(b.spread, b.count * (b.count - 1))))


FORMULAS: dict[str, Callable[[Beside], Floats | Flags]] = {
    "amount": lambda b: b.amount,
    "amount_log": lambda b: np.log1p(b.amount),
    "amount_small": lambda b: b.amount < SMALL_AMOUNT,
    "amount_high": lambda b: b.amount >= HIGH_AMOUNT,
    "amount_round_100": lambda b: (b.units > 0) & (b.units % (100 * UNITS) == 0),
    "amount_round_1000": lambda b: (b.units > 0) & (b.units % (1_000 * UNITS) == 0),
    "user_amount_ratio_mean": lambda b: _over(b.units * b.count, b.total),
    "user_amount_ratio_max": lambda b: _over(b.units, b.high),
    "user_amount_zscore": _zscore,
    "user_amount_repeated_24h": lambda b: _if_known(b.repeated > 0, b.count > 0),
    "time_hour": lambda b: b.hour,
    "time_weekday": lambda b: b.weekday,
    "time_weekend": lambda b: b.weekday >= _SATURDAY,
    "time_business_hours": lambda b: (b.weekday < _SATURDAY) & _in_hours(b.hour, BUSINESS_HOURS),
    "time_late_night": lambda b: _in_hours(b.hour, LATE_NIGHT_HOURS),
    "time_night": lambda b: _in_hours(b.hour, NIGHT_HOURS),
    "user_transaction_gap": lambda b: b.gap,
    "user_transaction_rapid": lambda b: _if_known(b.gap < RAPID_S, b.last > -np.inf),
    "user_transaction_very_rapid": lambda b: _if_known(b.gap < VERY_RAPID_S, b.last > -np.inf),
    "user_hour_share": lambda b: _over(b.same_hour, b.count),
    "user_merchant_new": lambda b: _if_known(b.visits == 0, b.count > 0),
    "user_merchant_share": lambda b: _over(b.visits, b.count),
    "merchant_category_risk": lambda b: b.category_risk,
    "user_place_distance_last": lambda b: b.moved,
    "user_place_distance_usual": lambda b: kilometres(b.latitude, b.longitude, b.usual_latitude, b.usual_longitude),
    "user_place_speed": lambda b: b.moved * _HOUR_S / np.maximum((b.time - b.last_time) / 1_000, 1.0),
    "user_country_new": lambda b: _if_known(b.country_count == 0, b.located > 0),
    "user_country_foreign": lambda b: b.foreign,
    "country_high_risk": lambda b: b.high_risk,
    "account_age": lambda b: (b.time - b.created) / DAY_MS,
    "account_limit_share": lambda b: _over(b.amount, b.limit),
    "user_account_event_count_24h": lambda b: b.account_events,
    "user_channel_share": lambda b: _over(b.channel_count, b.channelled),
    "card_present": lambda b: b.card_present,
    "user_device_new": lambda b: b.device_new,
}

_IN_ORDER = [FORMULAS[feature.name] for feature in USER_SINGLES]


def fill_singles(columns: Floats, given: list[float], before: Floats) -> None:
    """Write the columns of ``USER_SINGLES``.

    Args:
        columns: (n, len(USER_SINGLES)), written.
        given: the fields of ``Beside`` that a payment itself tells, payment by payment.
        before: (n, ``habits.TOLD``), the others.
    """
    beside = Beside(*np.array(given, np.float64).reshape(len(columns), -1).T, *before.T)
    # A limit may be as small as a number can be, and the share of it is then infinite.
    with np.errstate(invalid="ignore", over="ignore"):
        for column, formula in enumerate(_IN_ORDER):
            columns[:, column] = formula(beside)
