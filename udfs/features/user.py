"""The user block: what a payment and its user's history say, in the order of ``catalogue.USER_FEATURES``.

All that is compared with history is compared with what was before the payment in event time, also for one that comes
late: what is newer in the profile is taken off again.
"""

from __future__ import annotations

import math
import struct
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
from udfs.features.formulas import GIVEN, fill_singles
from udfs.features.risk import CATEGORY_RISK, HIGH_RISK_COUNTRIES
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Location, Transaction

MILLION = 1_000_000
_NAN = math.nan
_NOWHERE = (ABSENT, ABSENT, ABSENT, _NAN)
_CODE_CHARACTERS = 32
_VELOCITY = VelocityBlock(USER_VELOCITY)
# Packed, a payment is noted twice as quickly as by an array that is made of a list of numbers.
_fact = struct.Struct(f"{facts.OF_USER}q").pack
_given = struct.Struct(f"{GIVEN}d").pack


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
    told, noted, said = _VELOCITY.told(len(pairs)), bytearray(), bytearray()
    for _, transaction in pairs:
        _note(transaction, noted, said)
    profiles = [profile for profile, _ in pairs]
    payments = [transaction for _, transaction in pairs]
    ids = [transaction.transaction_id for transaction in payments]
    told_of = np.frombuffer(noted, np.int64).reshape(len(pairs), facts.OF_USER)
    before = np.empty((len(pairs), habits.TOLD))
    _VELOCITY.observe_filtered(profiles, payments, told_of, told)
    start = 0
    for row, profile, event in happened:
        _observe(profiles, ids, told_of, told.parts[0], before, start, row)
        profile.add_account_event(event.event_time)
        start = row
    _observe(profiles, ids, told_of, told.parts[0], before, start, len(pairs))
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
        given = np.frombuffer(said).reshape(len(pairs), GIVEN)
        _VELOCITY.fill(columns, told)
        fill_singles(columns, _VELOCITY.width, told_of, given, before)
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


def _note(transaction: Transaction, noted: bytearray, said: bytearray) -> None:
    """Add the columns of ``state.facts``, and those that ``formulas`` lists beside them."""
    device_id, amount, location = transaction.device_id, transaction.amount, transaction.location
    latitude, longitude, country, high_risk = _NOWHERE if location is None else _place(location)
    noted += _fact(
        transaction.event_time,
        key_of(transaction.merchant_id),
        to_units(amount),
        transaction.declined,
        ABSENT if device_id is None else key_of(device_id),
        latitude,
        longitude,
        country,
        _code(transaction.channel),
    )
    account, category, card_present = transaction.account, transaction.merchant_category, transaction.card_present
    created = limit = None
    if account is not None:
        created, limit = account.created_at, account.credit_limit
    said += _given(
        amount,
        _NAN if created is None else created,
        _NAN if limit is None else limit,
        _NAN if category is None else CATEGORY_RISK.get(category, _NAN),
        high_risk,
        _NAN if card_present is None else card_present,
    )


def _place(location: Location) -> tuple[int, int, int, float]:
    """Millionths of a degree, the key of the country, and whether that is one of high risk."""
    latitude, longitude, country = location.latitude, location.longitude, _code(location.country)
    high_risk = _NAN if country == ABSENT else location.country in HIGH_RISK_COUNTRIES
    if latitude is None or longitude is None:
        return ABSENT, ABSENT, country, high_risk
    return round(latitude * MILLION), round(longitude * MILLION), country, high_risk


def _code(text: str | None) -> int:
    """The key of a country or channel; what is empty or endless is none."""
    return short_key_of(text) if text and len(text) <= _CODE_CHARACTERS else ABSENT
