"""Transactions: payments to be decided."""

from __future__ import annotations

from typing import Any, Generic, cast

import msgspec
from msgspec import field

from udfs.names import Refused
from udfs.records.currencies import CURRENCIES
from udfs.records.decoding import check_identifier, check_key, check_normal, decode_fields, decode_record
from udfs.records.limits import IDENTIFIER_CHARACTERS, Limits
from udfs.records.normal_form import is_code_placeholder, normal_identifier, normal_user
from udfs.records.optional_fields import Account, Device, Location, convert_amounts, normalize
from udfs.records.rates import Conversion
from udfs.records.readable import TRANSACTION
from udfs.records.refusal import Refusal
from udfs.records.times import AsRead, Time, check_event_time, epoch_ms

__all__ = ["Account", "Device", "Location", "Transaction", "decode_transaction", "reread_transaction"]


class Transaction(msgspec.Struct, Generic[Time], gc=False):
    """A payment; ``event_time`` (``timestamp`` in JSON) in epoch milliseconds, the amount in currency units.

    Unknown fields are ignored here and stay in the bytes of the record, which are passed on with the alert.

    Attributes:
        card_id: token or fingerprint of the card, never its number; lists of cards name it.
        ignored: names of the optional fields that could not be read and are left out (``location.country``), and of
            codes that are kept and mean nothing here (``currency``). Never read from the record.
        conversion: how the amount was converted; None if it is as the record says. Never read from the record.
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
    card_id: str | None = None
    card_present: bool | None = None
    channel: str | None = None
    device: Device | None = None
    account: Account[Time] | None = None
    metadata: dict[str, Any] | None = None
    ignored: tuple[str, ...] = ()
    conversion: Conversion | None = None

    @property
    def device_id(self) -> str | None:
        """Id of the device; None if it is absent or not valid."""
        name = None if self.device is None else self.device.id
        return name if name and len(name) <= IDENTIFIER_CHARACTERS else None

    @property
    def declined(self) -> bool:
        """Whether the issuer declined this authorisation (``metadata.declined``)."""
        return self.metadata is not None and self.metadata.get("declined") is True


_decoder = msgspec.json.Decoder(Transaction[AsRead])


def decode_transaction(value: bytes | None, key: bytes | None, now_ms: int, limits: Limits) -> Transaction | Refusal:
    """Decode and check a record of the ``transactions`` topic. About 3 us for 600 bytes.

    Only what the decision cannot do without refuses a record: ids, amount, currency and time. An optional field that
    cannot be read is left out and named in ``ignored``.

    Args:
        value: JSON in UTF-8.
        key: of the record; it has to be the user's id.
        now_ms: the wall clock, epoch milliseconds.
        limits: beyond them a record is refused.
    """
    decoded = decode_record(_decoder, TRANSACTION, value, limits, _parse_time)
    if isinstance(decoded, Refusal):
        return decoded
    transaction, ignored = decoded
    refusal = _check(transaction, key, now_ms, limits)
    if refusal is not None:
        return refusal
    normalize(transaction, ignored)
    # Also where nothing is ignored or converted: the record may have fields of these names.
    transaction.conversion = None
    if limits.rates is not None and transaction.currency != limits.rates.reference:
        convert_amounts(transaction, limits.rates, ignored)
    transaction.ignored = tuple(ignored)
    return transaction if transaction.amount <= limits.amount else _absurd(transaction, limits)


def reread_transaction(value: bytes) -> Transaction:
    """Decode the value of a payment that was accepted before, for its optional fields; about 2 us.

    Ids, time and amount are those of the record as it came: what the stages before carry of them is in normal form.
    """
    transaction, ignored = decode_fields(_decoder, TRANSACTION, value)
    normalize(transaction, ignored)  # type: ignore[arg-type]
    return cast("Transaction", transaction)


def _parse_time(transaction: Transaction[AsRead]) -> Transaction:
    """Parse the event time of a transaction in place, and return the transaction."""
    if isinstance(transaction.event_time, str):
        transaction.event_time = epoch_ms("timestamp", transaction.event_time)
    return cast("Transaction", transaction)


def _check(transaction: Transaction, key: bytes | None, now_ms: int, limits: Limits) -> Refusal | None:
    """Check what types do not express in the required fields, and put ids into their normal form."""
    user_id, transaction_id, merchant_id = transaction.user_id, transaction.transaction_id, transaction.merchant_id
    amount = transaction.amount
    # Without calls: this is true of every ordinary payment.
    if (
        not (user_id.isascii() and transaction_id.isascii() and merchant_id.isascii())
        or " " in user_id
        or " " in transaction_id
        or " " in merchant_id
    ):
        user_id = transaction.user_id = normal_user(user_id)
        if (refusal := check_normal("user_id", user_id)) is not None:
            return refusal
        transaction_id = transaction.transaction_id = normal_identifier(transaction_id)
        merchant_id = transaction.merchant_id = normal_identifier(merchant_id)
    refusal = (
        check_identifier("user_id", user_id)
        or check_identifier("transaction_id", transaction_id)
        or check_identifier("merchant_id", merchant_id)
        or check_key(key, user_id)
        or check_event_time("timestamp", transaction.event_time, now_ms, limits)
    )
    if refusal is not None:
        return refusal
    if amount < 0:
        return Refusal(Refused.AMOUNT_NEGATIVE, f"amount is {amount:g}; a refund is not a payment to decide")
    if transaction.currency not in CURRENCIES and is_code_placeholder(transaction.currency):
        return Refusal(Refused.MISSING_FIELD, "currency is required")
    return None


def _absurd(transaction: Transaction, limits: Limits) -> Refusal:
    """Refuse an amount by what it is worth: 2e9 dong are a car, and a tiny rate makes any amount infinite."""
    conversion, shown = transaction.conversion, f"{transaction.amount:g}"
    if conversion is not None:
        shown = f"{conversion.amount:g} {conversion.currency}, which is {shown} {conversion.reference}"
    return Refusal(Refused.AMOUNT_ABSURD, f"amount is {shown}, more than {limits.amount:g} is a mistake")
