"""The user block: what a payment and its user's history say, in the order of ``catalogue.USER_FEATURES``.

All that is compared with history is compared with what was before the payment in event time, also for one that comes
late: what is newer in the profile is taken off again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from state.keys import key_of
from state.moments import spread, to_units
from state.surroundings import Place, Surroundings
from state.times import NEVER
from state.user_profile import UserProfile
from udfs.features.catalogue import USER_VELOCITY, USER_WIDTH
from udfs.features.feature import DAY_MS, HOUR_MS
from udfs.features.formulas import fill_singles
from udfs.features.risk import CATEGORY_RISK, HIGH_RISK_COUNTRIES
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Location, Transaction

MILLION = 1_000_000
NOWHERE = Place(None, None, None)
_NAN = math.nan
_UNKNOWN = (_NAN, _NAN, _NAN)
_NO_SURROUNDINGS = (_NAN,) * 13
_CODE_CHARACTERS = 32
_VELOCITY = VelocityBlock(USER_VELOCITY)


def observe_transactions(pairs: Sequence[tuple[UserProfile, Transaction]]) -> npt.NDArray[np.float64]:
    """Take payments into their users' profiles.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was taken before.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    told: list[int] = []
    rows: list[float] = []
    for profile, transaction in pairs:
        _observe(profile, transaction, told, rows)
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
        _VELOCITY.fill(columns[:, : _VELOCITY.width], told)
        fill_singles(columns[:, _VELOCITY.width :], rows)
    return columns


def observe_account_event(profile: UserProfile, event: AccountEvent) -> None:
    """Take an account event into its user's profile."""
    profile.add_account_event(event.event_time)


def _observe(profile: UserProfile, transaction: Transaction, told: list[int], rows: list[float]) -> None:
    """Append a payment's windows to ``told`` and its ``formulas.Beside`` to ``rows``, then take it into the profile."""
    history = profile.history
    times = history.times
    time, amount = transaction.event_time, transaction.amount
    units = to_units(amount)
    merchant = key_of(transaction.merchant_id)
    hour = time // HOUR_MS % 24
    at = history.place(time)
    count, total, squares, high = history.before(at, time)
    same_hour = profile.hours[hour]
    visits = profile.merchants.get(merchant, 0)
    in_order = at == len(times)
    if in_order:
        repeated = at > 0 and profile.paid.get(units, NEVER) > max(time - DAY_MS, times[0] - 1)
    else:
        same_hour -= sum(newer // HOUR_MS % 24 == hour for newer in times[at:])
        visits -= history.keys[at:].count(merchant) if visits else 0
        repeated = units in history.amounts(bisect_right(times, time - DAY_MS), at)
    last = times[at - 1] if at else history.base_last
    account = transaction.account
    created = limit = None
    if account is not None:
        created, limit = account.created_at, account.credit_limit
    device, device_new = None, _NAN
    device_id = transaction.device_id
    if device_id is not None:
        device = key_of(device_id)
        device_new = _is_device_new(profile, device, time)
    card_present = transaction.card_present
    place, channel = _place(transaction.location), _code(transaction.channel)
    rows += (
        time,
        amount,
        units,
        count,
        total,
        spread(count, total, squares),
        high,
        last if NEVER < last <= time else _NAN,
        same_hour,
        visits,
        repeated,
        _NAN if created is None else created,
        _NAN if limit is None else limit,
        profile.account_events_between(time - DAY_MS, time) if profile.account_events else 0,
        _NAN if transaction.merchant_category is None else CATEGORY_RISK.get(transaction.merchant_category, _NAN),
        *_surroundings(profile.surroundings, time, place, channel),
        _NAN if card_present is None else card_present,
        device_new,
    )
    if in_order or not history.has_forgotten(time):
        profile.learn(time, hour, merchant, units, device)
        if place is not NOWHERE or channel is not None:
            profile.surroundings.learn(time, place, channel)
    profile.see(transaction.transaction_id)
    if history.observe(at, time, units, merchant, transaction.declined, windows=_VELOCITY.windows, told=told):
        profile.forget_old()


def _place(location: Location | None) -> Place:
    if location is None:
        return NOWHERE
    latitude, longitude, country = location.latitude, location.longitude, _code(location.country)
    if latitude is None or longitude is None:
        return NOWHERE if country is None else Place(None, None, country)
    return Place(round(latitude * MILLION), round(longitude * MILLION), country)


def _code(text: str | None) -> str | None:
    """A country or channel that can be remembered; what is empty or endless is none."""
    return text if text and len(text) <= _CODE_CHARACTERS else None


def _surroundings(known: Surroundings, time: int, place: Place, channel: str | None) -> tuple[float, ...]:
    """The fields of ``formulas.Beside`` from ``latitude`` to ``channelled``."""
    if place is NOWHERE and channel is None:
        return _NO_SURROUNDINGS
    latitude, longitude, country = place
    before = known.before(time, country, channel)
    last, usual, home = before.last or _UNKNOWN, before.usual or _UNKNOWN, before.home
    return (
        _NAN if latitude is None else latitude,
        _NAN if longitude is None else longitude,
        *last,
        usual[0],
        usual[1],
        _NAN if country is None else before.country_count,
        _NAN if country is None else before.located,
        _NAN if country is None or home is None else country != home,
        _NAN if country is None else country in HIGH_RISK_COUNTRIES,
        _NAN if channel is None else before.channel_count,
        _NAN if channel is None else before.channelled,
    )


def _is_device_new(profile: UserProfile, device: int, time: int) -> float:
    """Whether the device was not used before ``time``; NaN if none was."""
    devices = profile.devices
    first_use = devices.get(device)
    if first_use is not None and first_use <= time:
        return 0.0
    return 1.0 if devices and min(devices.values()) <= time else _NAN
