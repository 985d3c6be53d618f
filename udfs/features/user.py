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

from state.kernel.jit import compiled
from state.kernel.keys import key_of, short_key_of
from state.kernel.money import to_units
from state.kernel.types import Words
from state.profiles import behavior, user_profile
from state.profiles.geo_and_channel import ABSENT
from state.profiles.user_profile import UserProfile
from state.windowing import event_schema
from udfs.features.catalogue import USER_VELOCITY, USER_WIDTH
from udfs.features.formulas import AMOUNT, GIVEN, LATITUDE, LONGITUDE, Floats, fill_singles
from udfs.features.risk import CATEGORY_RISK, HIGH_RISK_COUNTRIES
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Transaction

MILLION = 1_000_000
_NAN = math.nan
_CODE_CHARACTERS = 32
_VELOCITY = VelocityBlock(USER_VELOCITY)
# Packed, a payment is noted twice as quickly as by an array that is made of a list of numbers.
_fact = struct.Struct(f"{event_schema.USER_EVENT_WIDTH}q").pack
_given = struct.Struct(f"{GIVEN}d").pack


class PositionedAccountEvent(NamedTuple):
    """An account event among payments; ``row`` is that of the first payment after it."""

    row: int
    profile: UserProfile
    event: AccountEvent


def update_and_compute(
    pairs: Sequence[tuple[UserProfile, Transaction]], happened: Sequence[PositionedAccountEvent] = ()
) -> npt.NDArray[np.float64]:
    """Take payments, and account events among them, into their users' profiles.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was taken before.
        happened: in order of arrival.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    profiles = [profile for profile, _ in pairs]
    payments = [transaction for _, transaction in pairs]
    ids = [transaction.transaction_id for transaction in payments]
    told_of, given = _noted(payments)
    told, before = _VELOCITY.told(len(pairs)), np.empty((len(pairs), behavior.OUT_WIDTH))
    _VELOCITY.observe_filtered(profiles, payments, told_of, told)
    start = 0
    for row, profile, event in happened:
        _observe(profiles, ids, told_of, told.parts[0], before, start, row)
        profile.add_account_event(event.event_time)
        start = row
    _observe(profiles, ids, told_of, told.parts[0], before, start, len(pairs))
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
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


def _noted(payments: Sequence[Transaction]) -> tuple[Words, Floats]:
    """The columns of ``state.windowing.event_schema``, (n, facts.OF_USER), and those that ``formulas`` lists beside them, (n, GIVEN)."""
    noted, said = bytearray(), bytearray()
    for payment in payments:
        device_id, location, account = payment.device_id, payment.location, payment.account
        category, card_present = payment.merchant_category, payment.card_present
        latitude = longitude = country = created = limit = None
        if location is not None:
            latitude, longitude, country = location.latitude, location.longitude, location.country
        if account is not None:
            created, limit = account.created_at, account.credit_limit
        country_key = _code(country)
        noted += _fact(
            payment.event_time,
            key_of(payment.merchant_id),
            0,  # what is 0 here is worked out below, of all payments at once
            payment.declined,
            ABSENT if device_id is None else key_of(device_id),
            0,
            0,
            country_key,
            _code(payment.channel),
        )
        said += _given(
            payment.amount,
            _NAN if created is None else created,
            _NAN if limit is None else limit,
            _NAN if category is None else CATEGORY_RISK.get(category, _NAN),
            _NAN if country_key == ABSENT else country in HIGH_RISK_COUNTRIES,
            _NAN if card_present is None else card_present,
            _NAN if latitude is None else latitude,
            _NAN if longitude is None else longitude,
        )
    told_of = np.frombuffer(noted, np.int64).reshape(len(payments), event_schema.USER_EVENT_WIDTH)
    given = np.frombuffer(said).reshape(len(payments), GIVEN)
    _fill_whole(told_of, given)
    return told_of, given


@compiled
def _fill_whole(told_of: Words, given: Floats) -> None:
    """Write the columns that are whole numbers of what is given in floats; Python takes 0.5 us for those of one row."""
    for row in range(told_of.shape[0]):
        told_of[row, event_schema.UNITS] = to_units(given[row, AMOUNT])
        latitude, longitude = given[row, LATITUDE], given[row, LONGITUDE]
        if math.isnan(latitude) or math.isnan(longitude):
            told_of[row, event_schema.LATITUDE] = told_of[row, event_schema.LONGITUDE] = ABSENT
        else:
            told_of[row, event_schema.LATITUDE] = int(np.rint(latitude * MILLION))
            told_of[row, event_schema.LONGITUDE] = int(np.rint(longitude * MILLION))


def _code(text: str | None) -> int:
    """The key of a country or channel; what is empty or endless is none."""
    return short_key_of(text) if text and len(text) <= _CODE_CHARACTERS else ABSENT
