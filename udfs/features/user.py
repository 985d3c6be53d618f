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

from state.keys import key_of, put_last
from state.moments import UNITS, spread, to_units
from state.user_profile import DEVICES_KNOWN, MERCHANTS_KNOWN, UserProfile
from udfs.features.catalogue import USER_VELOCITY, USER_WIDTH
from udfs.features.feature import DAY_MS, HOUR_MS
from udfs.features.singles import (
    BUSINESS_HOURS,
    HIGH_AMOUNT,
    LATE_NIGHT_HOURS,
    RAPID_S,
    SMALL_AMOUNT,
    VERY_RAPID_S,
)
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Transaction

_NAN = math.nan
_VELOCITY = VelocityBlock(USER_VELOCITY)
_HUNDRED = 100 * UNITS
_THOUSAND = 1_000 * UNITS
_FIRST_DAY = 3  # 1 January 1970 was a Thursday; Monday is 0
_SATURDAY = 5


def observe_transactions(pairs: Sequence[tuple[UserProfile, Transaction]]) -> npt.NDArray[np.float64]:
    """Take payments into their users' profiles.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was taken before.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    told: list[int] = []
    singles: list[float | None] = []
    for profile, transaction in pairs:
        _observe(profile, transaction, told, singles)
    columns = np.empty((len(pairs), USER_WIDTH))
    _VELOCITY.fill(columns[:, : _VELOCITY.width], told)
    columns[:, _VELOCITY.width :] = np.array(singles, np.float64).reshape(-1, USER_WIDTH - _VELOCITY.width)
    return columns


def observe_account_event(profile: UserProfile, event: AccountEvent) -> None:
    """Take an account event into its user's profile."""
    profile.add_account_event(event.event_time)


def _observe(profile: UserProfile, transaction: Transaction, told: list[int], singles: list[float | None]) -> None:
    history = profile.history
    time = transaction.event_time
    units = to_units(transaction.amount)
    merchant = key_of(transaction.merchant_id)
    at = history.place(time)
    # A float array takes None as NaN: what is absent may be written so.
    singles += _amount(transaction.amount, units)
    singles += _amount_for_user(profile, at, time, units)
    singles += _time(profile, at, time)
    singles += _merchant(profile, at, merchant)
    singles += _account(profile, transaction)
    singles += _device(profile, transaction)
    if not history.has_forgotten(time):
        _learn(profile, transaction, merchant, units)
    profile.see(transaction.transaction_id)
    if history.observe(at, time, units, merchant, transaction.declined, windows=_VELOCITY.windows, told=told):
        profile.forget_old()


def _learn(profile: UserProfile, transaction: Transaction, merchant: int, units: int) -> None:
    """Habits: whatever is not in the history itself."""
    time = transaction.event_time
    profile.hours[time // HOUR_MS % 24] += 1
    put_last(profile.merchants, merchant, profile.merchants.get(merchant, 0) + 1, MERCHANTS_KNOWN)
    paid = profile.paid
    paid[units] = max(paid.get(units, time), time)
    device = transaction.device
    if device is not None and device.id is not None:
        key = key_of(device.id)
        put_last(profile.devices, key, min(profile.devices.get(key, time), time), DEVICES_KNOWN)


def _amount(amount: float, units: int) -> tuple[float, ...]:
    """AMOUNT, as far as the payment alone says it."""
    return (
        amount,
        math.log1p(amount),
        amount < SMALL_AMOUNT,
        amount >= HIGH_AMOUNT,
        units > 0 and not units % _HUNDRED,
        units > 0 and not units % _THOUSAND,
    )


def _amount_for_user(profile: UserProfile, at: int, time: int, units: int) -> tuple[float | None, ...]:
    """The rest of AMOUNT: beside the user's earlier amounts."""
    count, total, squares, high = profile.history.before(at, time)
    if not count:
        return (None, None, None, None)
    repeated = _is_repeated(profile, at, time, units)
    if not high:
        return (None, None, None, repeated)
    deviation = spread(count, total, squares)
    zscore = (units - total / count) / math.sqrt(deviation / (count * (count - 1))) if deviation else None
    return (units * count / total, units / high, zscore, repeated)


def _is_repeated(profile: UserProfile, at: int, time: int, units: int) -> bool:
    history = profile.history
    times = history.times
    if at < len(times):
        return units in history.amounts(bisect_right(times, time - DAY_MS), at)
    paid = profile.paid.get(units)
    return paid is not None and paid > time - DAY_MS and paid >= times[0]


def _time(profile: UserProfile, at: int, time: int) -> tuple[float | None, ...]:
    """TIME: the hour, the weekday, and the time since the payment before."""
    history = profile.history
    hour = time // HOUR_MS % 24
    weekday = (time // DAY_MS + _FIRST_DAY) % 7
    weekend = weekday >= _SATURDAY
    told = (hour, weekday, weekend, not weekend and hour in BUSINESS_HOURS, hour in LATE_NIGHT_HOURS)
    before = history.last_before(at, time)
    count = history.base_count + at
    if before is None:
        return (*told, None, None, None, None)
    same_hour = profile.hours[hour]
    if at < len(history.times):
        same_hour -= sum(newer // HOUR_MS % 24 == hour for newer in history.times[at:])
    gap = (time - before) / 1_000
    return (*told, gap, gap < RAPID_S, gap < VERY_RAPID_S, same_hour / count)


def _merchant(profile: UserProfile, at: int, merchant: int) -> tuple[float | None, ...]:
    """MERCHANT: what this merchant is to the user."""
    history = profile.history
    count = history.base_count + at
    if not count:
        return (None, None)
    visits = profile.merchants.get(merchant, 0)
    if visits and at < len(history.times):
        visits -= history.keys[at:].count(merchant)
    return (visits == 0, visits / count)


def _account(profile: UserProfile, transaction: Transaction) -> tuple[float | None, ...]:
    """ACCOUNT: its age, its limit, and what happened to it."""
    time = transaction.event_time
    events: Sequence[int] = profile.account_events
    recent = bisect_right(events, time) - bisect_right(events, time - DAY_MS) if events else 0
    account = transaction.account
    if account is None:
        return (None, None, recent)
    created, limit = account.created_at, account.credit_limit
    return (
        None if created is None else (time - created) / DAY_MS,
        transaction.amount / limit if limit is not None and limit > 0 else None,
        recent,
    )


def _device(profile: UserProfile, transaction: Transaction) -> tuple[float | None, ...]:
    """DEVICE: the card, and whether the user was seen with this device before."""
    device, devices = transaction.device, profile.devices
    if device is None or device.id is None or not devices:
        return (transaction.card_present, None)
    time = transaction.event_time
    first_use = devices.get(key_of(device.id))
    if first_use is not None and first_use <= time:
        return (transaction.card_present, False)
    return (transaction.card_present, True if min(devices.values()) <= time else None)
