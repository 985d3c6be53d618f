"""Transactions: payments to be decided."""

from __future__ import annotations

from typing import Any, Generic, cast

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.decoding import check_identifier, check_key, decode_record
from udfs.records.limits import IDENTIFIER_CHARACTERS, Limits
from udfs.records.refusal import Refusal
from udfs.records.times import (
    AsRead,
    Time,
    check_calendar_time,
    check_event_time,
    epoch_ms,
)


class Location(msgspec.Struct, gc=False):
    """Place of a payment: degrees, WGS 84; ISO 3166 country."""

    latitude: float | None = None
    longitude: float | None = None
    country: str | None = None
    city: str | None = None


class Device(msgspec.Struct, gc=False):
    """Device of a payment."""

    id: str | None = None
    ip: str | None = None
    user_agent: str | None = None


class Account(msgspec.Struct, Generic[Time], gc=False):
    """Account that pays; ``created_at`` in epoch milliseconds, the limit in currency units."""

    created_at: Time | None = None
    credit_limit: float | None = None


class Transaction(msgspec.Struct, Generic[Time], gc=False):
    """A payment; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds, the amount in currency units.

    Unknown fields are ignored here and stay in the bytes of the record, which are passed on with the alert.
    """

    transaction_id: str
    user_id: str
    amount: float
    currency: str
    merchant_id: str
    event_time: Time = field(name="timestamp")
    merchant_category: str | None = None
    location: Location | None = None
    payment_method: str | None = None
    card_present: bool | None = None
    channel: str | None = None
    device: Device | None = None
    account: Account[Time] | None = None
    metadata: dict[str, Any] | None = None

    @property
    def device_id(self) -> str | None:
        """Id of the device; None if it is absent or not valid."""
        name = None if self.device is None else self.device.id
        return name if name and len(name) <= IDENTIFIER_CHARACTERS and name.isprintable() else None

    @property
    def declined(self) -> bool:
        """Whether the issuer declined this authorisation (``metadata.declined``)."""
        return self.metadata is not None and self.metadata.get("declined") is True


_decoder = msgspec.json.Decoder(Transaction[AsRead])


def decode_transaction(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> Transaction | Refusal:
    """Decode and check a record of the ``transactions`` topic. About 2 us for 600 bytes.

    Args:
        value: JSON in UTF-8.
        key: of the record; it has to be the user's id.
        now_ms: the wall clock, epoch milliseconds.
        limits: beyond them a record is refused.
    """
    transaction = decode_record(_decoder, value, limits, _parse_times)
    if isinstance(transaction, Refusal):
        return transaction
    return _check(transaction, key, now_ms, limits) or transaction


def _parse_times(transaction: Transaction[AsRead]) -> Transaction:
    """Parse the times of a transaction in place, and return the transaction."""
    if isinstance(transaction.event_time, str):
        transaction.event_time = epoch_ms("timestamp", transaction.event_time)
    account = transaction.account
    if account is not None and isinstance(account.created_at, str):
        account.created_at = epoch_ms("account.created_at", account.created_at)
    return cast("Transaction", transaction)


def _check(transaction: Transaction, key: bytes | None, now_ms: int, limits: Limits) -> Refusal | None:
    """Check what types do not express."""
    user_id, amount = transaction.user_id, transaction.amount
    refusal = (
        check_identifier("user_id", user_id)
        or check_identifier("transaction_id", transaction.transaction_id)
        or check_identifier("merchant_id", transaction.merchant_id)
        or check_key(key, user_id)
        or check_event_time("timestamp", transaction.event_time, now_ms, limits)
    )
    if refusal is not None:
        return refusal
    if amount < 0:
        return Refusal(Refused.AMOUNT_NEGATIVE, f"amount is {amount:g}; a refund is not a payment to decide")
    if amount > limits.amount:
        return Refusal(Refused.AMOUNT_ABSURD, f"amount is {amount:g}, more than {limits.amount:g} is a mistake")
    if transaction.location is not None and (refusal := check_location(transaction.location)) is not None:
        return refusal
    created = None if transaction.account is None else transaction.account.created_at
    return None if created is None else check_calendar_time("account.created_at", created)


def check_location(location: Location) -> Refusal | None:
    """Refuse degrees that are no place on Earth."""
    latitude, longitude = location.latitude, location.longitude
    if (latitude is None or -90 <= latitude <= 90) and (longitude is None or -180 <= longitude <= 180):
        return None
    return Refusal(Refused.PLACE_OUT_OF_RANGE, f"location {latitude}, {longitude} is outside -90..90, -180..180")
