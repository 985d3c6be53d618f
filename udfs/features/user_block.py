"""The user block: features of a payment and its user's profile, in the order of ``catalogue.USER_FEATURES``.

A payment is compared with the payments before it in event time. For a late one, newer payments in the profile do not
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from state.kernel.types import Floats, Words
from state.profiles import behavior, user_profile
from state.profiles.user_profile import UserProfile
from udfs.features.catalogue import USER_WIDTH
from udfs.features.groups import fill_groups
from udfs.features.inputs import encode_payments
from udfs.features.velocity import USER_VELOCITY
from udfs.features.velocity_block import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.account_event import AccountEvent
    from udfs.records.transaction import Transaction

_VELOCITY = VelocityBlock(USER_VELOCITY)


class PositionedAccountEvent(NamedTuple):
    """An account event and its position among the payments of a batch.

    Attributes:
        row: number of the first payment after it.
        profile: of its user.
        event: the event.
    """

    row: int
    profile: UserProfile
    event: AccountEvent


def update_and_compute(
    pairs: Sequence[tuple[UserProfile, Transaction]], account_events: Sequence[PositionedAccountEvent] = ()
) -> Floats:
    """Update users' profiles with payments, and account events among them, and compute the payments' features.

    Args:
        pairs: in order of arrival; a profile may come several times. None of the payments was seen before.
        account_events: in order of arrival.

    Returns:
        (n, USER_WIDTH): the user block of each payment, as of its event time; NaN where a feature is absent.
    """
    profiles = [profile for profile, _ in pairs]
    payments = [transaction for _, transaction in pairs]
    ids = [transaction.transaction_id for transaction in payments]
    events, attributes = encode_payments(payments)
    outputs, lookups = _VELOCITY.allocate(len(pairs)), np.empty((len(pairs), behavior.OUT_WIDTH))
    _VELOCITY.update_filtered(profiles, payments, events, outputs)
    start = 0
    for row, profile, event in account_events:
        _update(profiles, ids, events, outputs.unfiltered, lookups, slice(start, row))
        profile.add_account_event(event.event_time)
        start = row
    _update(profiles, ids, events, outputs.unfiltered, lookups, slice(start, len(pairs)))
    columns = np.empty((len(pairs), USER_WIDTH))
    if pairs:
        _VELOCITY.fill(columns, outputs)
        fill_groups(columns, _VELOCITY.width, events, attributes, lookups)
    return columns


def _update(
    profiles: Sequence[UserProfile], ids: Sequence[str], events: Words, windows: Floats, lookups: Floats, rows: slice
) -> None:
    """Update the profiles with the payments of some rows; ``windows`` and ``lookups`` are written."""
    if rows.start < rows.stop:
        user_profile.observe(profiles[rows], ids[rows], events[rows], _VELOCITY.lengths, windows[rows], lookups[rows])
