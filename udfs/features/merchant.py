"""The merchant block: what a payment's merchant has seen, in the order of ``catalogue.MERCHANT_FEATURES``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from state.keys import key_of
from state.merchant_profile import MerchantProfile
from state.moments import to_units
from udfs.features.catalogue import MERCHANT_VELOCITY
from udfs.features.velocity import VelocityBlock

if TYPE_CHECKING:
    from udfs.records.label import Label

_VELOCITY = VelocityBlock(MERCHANT_VELOCITY)


class MerchantPayment(msgspec.Struct, frozen=True, gc=False):
    """What the merchant's memory needs of a payment; ``event_time`` is epoch ms."""

    event_time: int
    amount: float
    user_id: str
    declined: bool


def observe_transactions(pairs: Sequence[tuple[MerchantProfile, MerchantPayment]]) -> npt.NDArray[np.float64]:
    """Take payments into their merchants' profiles.

    Args:
        pairs: in order of arrival, best also of event time; a profile may come several times.

    Returns:
        (n, MERCHANT_WIDTH): the merchant block of each payment, as of its event time; NaN where a feature is absent.
    """
    told: list[int] = []
    for profile, payment in pairs:
        history = profile.history
        time = payment.event_time
        history.observe(
            history.place(time),
            time,
            to_units(payment.amount),
            key_of(payment.user_id),
            payment.declined,
            windows=_VELOCITY.windows,
            told=told,
        )
    columns = np.empty((len(pairs), _VELOCITY.width))
    _VELOCITY.fill(columns, told)
    return columns


def observe_label(profile: MerchantProfile, label: Label) -> None:
    """Take what a payment was found to be into its merchant's profile."""
    profile.label(key_of(label.transaction_id), label.event_time, fraud=label.fraud)
