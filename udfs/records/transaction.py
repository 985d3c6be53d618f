"""A payment to decide."""

from __future__ import annotations

from typing import Any, Generic, cast

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.limits import IDENTIFIER_CHARACTERS, Limits
from udfs.records.reader import check_identifier, check_key, read_settled
from udfs.records.refusal import Refusal
from udfs.records.times import (
    AsRead,
    Time,
    check_calendar_time,
    check_event_time,
    epoch_ms,
)


class Location(msgspec.Struct, gc=False):
    """Where the payment was made; degrees, WGS 84; ISO 3166 country."""

    latitude: float | None = None
    longitude: float | None = None
    country: str | None = None
    city: str | None = None


class Device(msgspec.Struct, gc=False):
    """What the payment was made with."""

    id: str | None = None
    ip: str | None = None
    user_agent: str | None = None


class Account(msgspec.Struct, Generic[Time], gc=False):
    """The account that pays; ``created_at`` in epoch milliseconds, the limit in currency units."""

    created_at: Time | None = None
    credit_limit: float | None = None


class Transaction(msgspec.Struct, Generic[Time], gc=False):
    """A payment; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds, the amount in currency units.

    Fields that are not listed do no harm and stay in the record's own bytes, which travel on with the alert.
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
        """The device's id, if there is one that can be an id."""
        name = None if self.device is None else self.device.id
        return name if name and len(name) <= IDENTIFIER_CHARACTERS and name.isprintable() else None

    @property
    def declined(self) -> bool:
        """Whether the issuer has declined this authorisation already (``metadata.declined``)."""
        return self.metadata is not None and self.metadata.get("declined") is True


_decoder = msgspec.json.Decoder(Transaction[AsRead])


def decode_transaction(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> Transaction | Refusal:
    """Read a record of the ``transactions`` topic. About 2 us for 600 bytes.

    Args:
        value: JSON in UTF-8.
        key: of the record; must be the user's id.
        now_ms: the wall clock, epoch milliseconds.
        limits: what is refused as a mistake.
    """
    transaction = read_settled(_decoder, value, limits, _settle_times)
    if isinstance(transaction, Refusal):
        return transaction
    return _check(transaction, key, now_ms, limits) or transaction


def _settle_times(transaction: Transaction[AsRead]) -> Transaction:
    """The same transaction, its times in epoch milliseconds."""
    if isinstance(transaction.event_time, str):
        transaction.event_time = epoch_ms("timestamp", transaction.event_time)
    account = transaction.account
    if account is not None and isinstance(account.created_at, str):
        account.created_at = epoch_ms("account.created_at", account.created_at)
    return cast("Transaction", transaction)


def _check(transaction: Transaction, key: bytes | None, now_ms: int, limits: Limits) -> Refusal | None:
    """What types cannot say."""
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
    if transaction.location is not None and (refusal := check_place(transaction.location)) is not None:
        return refusal
    created = None if transaction.account is None else transaction.account.created_at
    return None if created is None else check_calendar_time("account.created_at", created)


def check_place(place: Location) -> Refusal | None:
    """Refuse a place that is not on Earth."""
    latitude, longitude = place.latitude, place.longitude
    if (latitude is None or -90 <= latitude <= 90) and (longitude is None or -180 <= longitude <= 180):
        return None
    return Refusal(Refused.PLACE_OUT_OF_RANGE, f"location {latitude}, {longitude} is outside -90..90, -180..180")
