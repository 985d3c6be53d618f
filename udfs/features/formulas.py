"""How the single features of a user's payment follow from the payment and the user's history.

All columns of all payments of a batch are made by one compiled pass. A call of NumPy for each step of each formula
gives the same to the bit, but for logarithms and distances, which differ by their last digit. With conditions asked
likewise, a payment costs all the stages together 240 us of CPU where batches hold 5, instead of 400; 150 and 200 where
they hold 20; where they hold 1,000 as much as before (two pairs, side by side on a machine with much else to do: the
ratios say more than the times).
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled
from state.kernel.money import UNITS
from state.kernel.types import Words
from state.profiles import behavior, geo_and_channel
from state.profiles.geo_and_channel import ABSENT
from state.windowing import event_schema
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

_FIRST_DAY = 3  # 1 January 1970 was a Thursday; Monday is 0
_SATURDAY = 5
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
_HOUR_S = 3_600
_RADIANS = math.pi / 180e6
_HOURS_IN_BUSINESS = (BUSINESS_HOURS.start, BUSINESS_HOURS.stop)
_HOURS_LATE = (LATE_NIGHT_HOURS.start, LATE_NIGHT_HOURS.stop)
_HOURS_AT_NIGHT = (NIGHT_HOURS.start, NIGHT_HOURS.stop)

_NAMES = [feature.name for feature in USER_SINGLES]
AT: Any = namedtuple("AT", _NAMES)(*range(len(_NAMES)))
"""The column of each single feature, by its name."""

AMOUNT, CREATED, LIMIT, CATEGORY_RISK, HIGH_RISK, CARD_PRESENT, LATITUDE, LONGITUDE = range(8)
"""What a payment itself tells beside ``state.windowing.event_schema``: the amount (currency units), when the account was opened (epoch
ms), its credit limit (currency units), the risk of the merchant's category, 1 if the country is one of high risk, 1 if
the card was present, else 0; where it was made (degrees). NaN where it is not said."""
GIVEN = 8


class FeatureInputs(NamedTuple):
    """A payment beside what was before it; NaN where there is nothing to tell.

    Attributes:
        time: of the payment, epoch ms.
        amount: of the payment, currency units.
        units: the same in units of ``state.kernel.money``.
        created: when the account was opened, epoch ms.
        limit: credit limit of the account, currency units.
        category_risk: of the merchant's category.
        latitude, longitude: of the payment, millionths of a degree.
        high_risk: 1 if the country is one of high risk, else 0.
        card_present: 1 or 0.
        earlier, total, spread, high: of all the user's earlier payments: how many, their units, n (n - 1) times the
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

    time: float
    amount: float
    units: float
    created: float
    limit: float
    category_risk: float
    latitude: float
    longitude: float
    high_risk: float
    card_present: float
    # From here on as ``state.profiles.behavior`` and ``state.profiles.geo_and_channel`` tell.
    earlier: float
    total: float
    spread: float
    high: float
    last: float
    same_hour: float
    visits: float
    repeated: float
    account_events: float
    device_new: float
    last_time: float
    last_latitude: float
    last_longitude: float
    usual_latitude: float
    usual_longitude: float
    foreign: float
    country_count: float
    located: float
    channel_count: float
    channelled: float


@compiled
def _beside(fact: Words, given: Floats, before: Floats) -> FeatureInputs:
    """The fields, in order: of ``state.windowing.event_schema``, as listed above, and as ``habits`` and ``surroundings`` tell."""
    latitude, longitude = fact[event_schema.LATITUDE], fact[event_schema.LONGITUDE]
    around = before[behavior.GEO_AND_CHANNEL :]
    return FeatureInputs(
        float(fact[event_schema.TIME]),
        given[AMOUNT],
        float(fact[event_schema.UNITS]),
        given[CREATED],
        given[LIMIT],
        given[CATEGORY_RISK],
        math.nan if latitude == ABSENT else float(latitude),
        math.nan if longitude == ABSENT else float(longitude),
        given[HIGH_RISK],
        given[CARD_PRESENT],
        before[behavior.EARLIER],
        before[behavior.EARLIER_UNITS],
        before[behavior.EARLIER_SPREAD],
        before[behavior.EARLIER_HIGHEST],
        before[behavior.LAST],
        before[behavior.SAME_HOUR],
        before[behavior.VISITS],
        before[behavior.REPEATED],
        before[behavior.ACCOUNT_EVENTS],
        before[behavior.DEVICE_NEW],
        around[geo_and_channel.LAST_TIME],
        around[geo_and_channel.LAST_LATITUDE],
        around[geo_and_channel.LAST_LONGITUDE],
        around[geo_and_channel.USUAL_LATITUDE],
        around[geo_and_channel.USUAL_LONGITUDE],
        around[geo_and_channel.FOREIGN],
        around[geo_and_channel.COUNTRY_COUNT],
        around[geo_and_channel.LOCATED],
        around[geo_and_channel.CHANNEL_COUNT],
        around[geo_and_channel.CHANNELLED],
    )


@compiled
def _over(part: float, whole: float) -> float:
    """The ratio, absent unless the whole is above zero."""
    return part / whole if whole > 0 else math.nan


@compiled
def kilometres(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Distance along the surface of a round Earth, by the haversine formula; off by 0.6 % at most.

    Args:
        latitude: millionths of a degree, like the others.
        longitude: of the same place.
        other_latitude: of the other place.
        other_longitude: of the other place.
    """
    north, north_other = latitude * _RADIANS, other_latitude * _RADIANS
    half_north, half_east = (north_other - north) / 2, (other_longitude - longitude) * _RADIANS / 2
    chord = math.sin(half_north) ** 2 + math.cos(north) * math.cos(north_other) * math.sin(half_east) ** 2
    # Rounding may carry it over 1; of NaN it stays NaN.
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(1.0 if chord > 1.0 else chord))


@compiled
def _if_known(flag: bool, known: bool) -> float:
    if not known:
        return math.nan
    return 1.0 if flag else 0.0


@compiled
def _in_hours(hour: float, hours: tuple[int, int]) -> bool:
    return hours[0] <= hour < hours[1]


@compiled
def _amount(b: FeatureInputs, told: Floats) -> None:
    told[AT.amount] = b.amount
    told[AT.amount_log] = math.log1p(b.amount)
    told[AT.amount_small] = b.amount < SMALL_AMOUNT
    told[AT.amount_high] = b.amount >= HIGH_AMOUNT
    told[AT.amount_round_100] = b.units > 0 and b.units % (100 * UNITS) == 0
    told[AT.amount_round_1000] = b.units > 0 and b.units % (1_000 * UNITS) == 0
    told[AT.user_amount_ratio_mean] = _over(b.units * b.earlier, b.total)
    told[AT.user_amount_ratio_max] = _over(b.units, b.high)
    deviation = math.sqrt(_over(b.spread, b.earlier * (b.earlier - 1)))
    told[AT.user_amount_zscore] = _over(b.units - _over(b.total, b.earlier), deviation)
    told[AT.user_amount_repeated_24h] = _if_known(b.repeated > 0, b.earlier > 0)


@compiled
def _time(b: FeatureInputs, told: Floats) -> None:
    hour, weekday = b.time // HOUR_MS % 24, (b.time // DAY_MS + _FIRST_DAY) % 7
    gap = (b.time - b.last) / 1_000
    told[AT.time_hour] = hour
    told[AT.time_weekday] = weekday
    told[AT.time_weekend] = weekday >= _SATURDAY
    told[AT.time_business_hours] = weekday < _SATURDAY and _in_hours(hour, _HOURS_IN_BUSINESS)
    told[AT.time_late_night] = _in_hours(hour, _HOURS_LATE)
    told[AT.time_night] = _in_hours(hour, _HOURS_AT_NIGHT)
    told[AT.user_transaction_gap] = gap
    told[AT.user_transaction_rapid] = _if_known(gap < RAPID_S, b.last > -math.inf)
    told[AT.user_transaction_very_rapid] = _if_known(gap < VERY_RAPID_S, b.last > -math.inf)
    told[AT.user_hour_share] = _over(b.same_hour, b.earlier)


@compiled
def _merchant(b: FeatureInputs, told: Floats) -> None:
    told[AT.user_merchant_new] = _if_known(b.visits == 0, b.earlier > 0)
    told[AT.user_merchant_share] = _over(b.visits, b.earlier)
    told[AT.merchant_category_risk] = b.category_risk


@compiled
def _place(b: FeatureInputs, told: Floats) -> None:
    moved = kilometres(b.latitude, b.longitude, b.last_latitude, b.last_longitude)
    away = max((b.time - b.last_time) / 1_000, 1.0)
    told[AT.user_place_distance_last] = moved
    told[AT.user_place_distance_usual] = kilometres(b.latitude, b.longitude, b.usual_latitude, b.usual_longitude)
    told[AT.user_place_speed] = moved * _HOUR_S / away  # absent as ``moved`` is
    told[AT.user_country_new] = _if_known(b.country_count == 0, b.located > 0)
    told[AT.user_country_foreign] = b.foreign
    told[AT.country_high_risk] = b.high_risk


@compiled
def _account(b: FeatureInputs, told: Floats) -> None:
    told[AT.account_age] = (b.time - b.created) / DAY_MS
    told[AT.account_limit_share] = _over(b.amount, b.limit)
    told[AT.user_account_event_count_24h] = b.account_events


@compiled
def _device(b: FeatureInputs, told: Floats) -> None:
    told[AT.user_channel_share] = _over(b.channel_count, b.channelled)
    told[AT.card_present] = b.card_present
    told[AT.user_device_new] = b.device_new


@compiled
def fill_singles(columns: Floats, start: int, told_of: Words, given: Floats, before: Floats) -> None:
    """Write the columns of ``USER_SINGLES``: here a group of formulas is called, above each stands by its name.

    Args:
        columns: (n, start + len(USER_SINGLES)), written from column ``start`` on.
        start: number of the first column.
        told_of: (n, facts.OF_USER).
        given: (n, GIVEN).
        before: (n, ``habits.TOLD``).
    """
    for row in range(columns.shape[0]):
        told, b = columns[row, start:], _beside(told_of[row], given[row], before[row])
        _amount(b, told)
        _time(b, told)
        _merchant(b, told)
        _place(b, told)
        _account(b, told)
        _device(b, told)
