"""The user block: what a payment and its user's history say, in the order of ``catalogue.USER_FEATURES``.

All that is compared with history is compared with what was before the payment in event time, also for one that comes
late: what is newer in the profile is taken off again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from state import facts, habits, user_profile
from state.events import Words
from state.keys import key_of, short_key_of
from state.moments import to_units
from state.surroundings import ABSENT
from state.user_profile import UserProfile
from udfs.features.catalogue import USER_VELOCITY, USER_WIDTH
from udfs.features.formulas import fill_singles
from udfs.features.risk import CATEGORY_RISK, HIGH_RISK_COUNTRIES
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Location, Transaction

MILLION = 1_000_000
_NAN = math.nan
_NOWHERE = (ABSENT, ABSENT, ABSENT)
_CODE_CHARACTERS = 32
_VELOCITY = VelocityBlock(USER_VELOCITY)


class AccountEventBefore(NamedTuple):
    """An account event among payments; ``row`` is that of the first payment after it."""

    row: int
    profile: UserProfile
    event: AccountEvent


def observe_transactions(
    pairs: Sequence[tuple[UserProfile, Transaction]], happened: Sequence[AccountEventBefore] = ()
) -> npt.NDArray[np.float64]:
    """Take payments, and account events among them, into their users' profiles.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was taken before.
        happened: in order of arrival.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    told, given, noted = _VELOCITY.told(len(pairs)), list[float](), list[int]()
    for _, transaction in pairs:
        fact = _fact(transaction)
        noted += fact
        given += _given(transaction, fact)
    profiles = [profile for profile, _ in pairs]
    payments = [transaction for _, transaction in pairs]
    ids = [transaction.transaction_id for transaction in payments]
    told_of = np.array(noted, np.int64).reshape(len(pairs), facts.OF_USER)
    before = np.empty((len(pairs), habits.TOLD))
    _VELOCITY.observe_filtered(profiles, payments, told_of, told)
    start = 0
    for row, profile, event in happened:
        _observe(profiles, ids, told_of, told[0], before, start, row)
        profile.add_account_event(event.event_time)
        start = row
    _observe(profiles, ids, told_of, told[0], before, start, len(pairs))
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
        _VELOCITY.fill(columns[:, : _VELOCITY.width], told)
        fill_singles(columns[:, _VELOCITY.width :], given, before)
    return columns


def _observe(
    profiles: Sequence[UserProfile],
    ids: Sequence[str],
    told_of: Words,
    told: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
    start: int,
    end: int,
) -> None:
    """Take the payments of some rows."""
    if start < end:
        rows = slice(start, end)
        user_profile.observe(profiles[rows], ids[rows], told_of[rows], _VELOCITY.lengths, told[rows], before[rows])


def _fact(transaction: Transaction) -> tuple[int, ...]:
    """The columns of ``state.facts``."""
    device_id = transaction.device_id
    return (
        transaction.event_time,
        key_of(transaction.merchant_id),
        to_units(transaction.amount),
        transaction.declined,
        ABSENT if device_id is None else key_of(device_id),
        *_place(transaction.location),
        _code(transaction.channel),
    )


def _given(transaction: Transaction, fact: tuple[int, ...]) -> tuple[float, ...]:
    """The fields of ``formulas.Beside`` that the payment itself tells."""
    account, category, location = transaction.account, transaction.merchant_category, transaction.location
    latitude, longitude = fact[facts.LATITUDE], fact[facts.LONGITUDE]
    created = limit = None
    if account is not None:
        created, limit = account.created_at, account.credit_limit
    card_present = transaction.card_present
    return (
        transaction.event_time,
        transaction.amount,
        fact[facts.UNITS],
        _NAN if created is None else created,
        _NAN if limit is None else limit,
        _NAN if category is None else CATEGORY_RISK.get(category, _NAN),
        _NAN if latitude == ABSENT else latitude,
        _NAN if longitude == ABSENT else longitude,
        _NAN if location is None or fact[facts.COUNTRY] == ABSENT else location.country in HIGH_RISK_COUNTRIES,
        _NAN if card_present is None else card_present,
    )


def _place(location: Location | None) -> tuple[int, int, int]:
    """Millionths of a degree, and the key of the country."""
    if location is None:
        return _NOWHERE
    latitude, longitude, country = location.latitude, location.longitude, _code(location.country)
    if latitude is None or longitude is None:
        return (ABSENT, ABSENT, country)
    return round(latitude * MILLION), round(longitude * MILLION), country


def _code(text: str | None) -> int:
    """The key of a country or channel; what is empty or endless is none."""
    return short_key_of(text) if text and len(text) <= _CODE_CHARACTERS else ABSENT
