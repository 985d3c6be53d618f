"""Identity of a payment by what it says: one id with another amount, merchant or time is another payment."""

from __future__ import annotations

from typing import NamedTuple

from state.kernel.keys import key_of
from state.kernel.money import to_units
from udfs.records.transaction import Transaction


class Content(NamedTuple):
    """What makes two records of one transaction id the same payment, as user profiles store it.

    Attributes:
        time: event time, epoch milliseconds.
        merchant: key of the merchant.
        units: the amount in units of ``state.kernel.money``.
    """

    time: int
    merchant: int
    units: int


def content_of(transaction: Transaction) -> Content:
    """Return what a payment says."""
    return Content(transaction.event_time, key_of(transaction.merchant_id), to_units(transaction.amount))
