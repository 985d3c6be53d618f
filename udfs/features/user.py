"""The user block: what a payment and its user's history say, in the order of ``catalogue.USER_FEATURES``.

All that is compared with history is compared with what was before the payment in event time, also for one that comes
late: what is newer in the profile is taken off again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from state import habits
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


def observe_transactions(pairs: Sequence[tuple[UserProfile, Transaction]]) -> npt.NDArray[np.float64]:
    """Take payments into their users' profiles.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was taken before.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    told, given = _VELOCITY.told(len(pairs)), list[float]()
    before = np.empty((len(pairs), habits.TOLD))
    for row, (profile, transaction) in enumerate(pairs):
        units, merchant = to_units(transaction.amount), key_of(transaction.merchant_id)
        latitude, longitude, country = _place(transaction.location)
        given += _given(transaction, units, latitude, longitude, country)
        _VELOCITY.observe_filtered(profile, transaction, merchant, units, told, row)
        profile.observe(
            transaction.transaction_id,
            transaction.event_time,
            units,
            merchant,
            ABSENT if transaction.device_id is None else key_of(transaction.device_id),
            latitude,
            longitude,
            country,
            _code(transaction.channel),
            _VELOCITY.lengths,
            told[0][row],
            before[row],
            declined=transaction.declined,
        )
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
        _VELOCITY.fill(columns[:, : _VELOCITY.width], told)
        fill_singles(columns[:, _VELOCITY.width :], given, before)
    return columns


def observe_account_event(profile: UserProfile, event: AccountEvent) -> None:
    """Take an account event into its user's profile."""
    profile.add_account_event(event.event_time)


def _given(transaction: Transaction, units: int, latitude: int, longitude: int, country: int) -> tuple[float, ...]:
    """The fields of ``formulas.Beside`` that the payment itself tells."""
    account, category, location = transaction.account, transaction.merchant_category, transaction.location
    created = limit = None
    if account is not None:
        created, limit = account.created_at, account.credit_limit
    card_present = transaction.card_present
    return (
        transaction.event_time,
        transaction.amount,
        units,
        _NAN if created is None else created,
        _NAN if limit is None else limit,
        _NAN if category is None else CATEGORY_RISK.get(category, _NAN),
        _NAN if latitude == ABSENT else latitude,
        _NAN if longitude == ABSENT else longitude,
        _NAN if location is None or country == ABSENT else location.country in HIGH_RISK_COUNTRIES,
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
