"""Optional parts of a payment in their normal form: what cannot be used is left out and named, and refuses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

import msgspec

from udfs.features.country_and_category import CATEGORY_RISK
from udfs.records.categories import category_of
from udfs.records.countries import COUNTRIES, country_of
from udfs.records.currencies import CURRENCIES, currency_of
from udfs.records.decoding import device_identifier
from udfs.records.normal_form import (
    CHANNELS,
    PAYMENT_METHODS,
    channel_of,
    is_code_placeholder,
    is_placeholder,
    normal_text,
    payment_method_of,
    truth_of,
)
from udfs.records.rates import Conversion, Rates, to_reference
from udfs.records.times import Time, TimeUnreadableError, epoch_ms, is_calendar_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from udfs.records.transaction import Transaction


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


def normalize(transaction: Transaction, ignored: list[str]) -> None:
    """Put the optional fields of a decoded payment into their normal form, in place.

    Args:
        transaction: the payment; ``account.created_at`` may still be a text.
        ignored: gets the names of fields that are left out, and of codes that are kept and not known.
    """
    if transaction.currency not in CURRENCIES:
        currency = currency_of(transaction.currency)
        if currency is None:
            ignored.append("currency")
        transaction.currency = currency or transaction.currency.strip().upper()
    category, channel, method = transaction.merchant_category, transaction.channel, transaction.payment_method
    if category is not None and category not in CATEGORY_RISK:
        transaction.merchant_category = _code("merchant_category", category, category_of, ignored)
    if channel is not None and channel not in CHANNELS:
        transaction.channel = _code("channel", channel, channel_of, ignored)
    if method is not None and method not in PAYMENT_METHODS:
        transaction.payment_method = _code("payment_method", method, payment_method_of, ignored)
    card = transaction.card_id
    if card is not None:
        transaction.card_id = device_identifier(card)
        if transaction.card_id is None and not is_placeholder(card):
            ignored.append("card_id")
    if transaction.location is not None:
        normalize_location(transaction.location, ignored)
    if transaction.device is not None:
        normalize_device(transaction.device, ignored)
    if transaction.account is not None:
        _normalize_account(transaction.account, ignored)
    if transaction.metadata is not None:
        _normalize_declined(transaction.metadata, ignored)


def normalize_location(location: Location, ignored: list[str]) -> None:
    """Put a place into its normal form: no degrees that are not on Earth, a country as its code."""
    latitude, longitude, country, city = location.latitude, location.longitude, location.country, location.city
    if latitude is not None and not -90 <= latitude <= 90:
        ignored.append("location.latitude")
        location.latitude = None
    if longitude is not None and not -180 <= longitude <= 180:
        ignored.append("location.longitude")
        location.longitude = None
    if country is not None and country not in COUNTRIES:
        location.country = country_of(country)
        if location.country is None and not is_placeholder(country):
            ignored.append("location.country")
    if city is not None:
        location.city = normal_text(city)


def normalize_device(device: Device, ignored: list[str]) -> None:
    """Put the id of a device into its normal form; a placeholder is none."""
    name = device.id
    if name is not None:
        device.id = device_identifier(name)
        if device.id is None and not is_placeholder(name) and name.strip("0-"):
            ignored.append("device.id")


def convert_amounts(transaction: Transaction, rates: Rates, ignored: list[str]) -> None:
    """Convert the amount and the credit limit of a payment in place; without a rate they stay, and are named."""
    amount = to_reference(transaction.amount, transaction.currency, rates)
    if amount is None:
        if "currency" not in ignored:
            ignored.append("currency")
        return
    transaction.conversion = Conversion(
        transaction.amount, transaction.currency, rates.reference, rates.day.isoformat()
    )
    transaction.amount = amount
    account = transaction.account
    if account is not None and account.credit_limit is not None:
        account.credit_limit = to_reference(account.credit_limit, transaction.currency, rates)


def _normalize_account(account: Account[Any], ignored: list[str]) -> None:
    created = account.created_at
    if created is None:
        return
    if isinstance(created, str):
        text = created
        try:
            created = account.created_at = epoch_ms("account.created_at", text)
        except TimeUnreadableError:
            account.created_at = None
            if not is_placeholder(text):
                ignored.append("account.created_at")
            return
    if not is_calendar_time(created):
        account.created_at = None
        ignored.append("account.created_at")


def _normalize_declined(metadata: dict[str, Any], ignored: list[str]) -> None:
    declined = metadata.get("declined")
    if declined is None or declined is True or declined is False:
        return
    metadata["declined"] = truth_of(declined)
    if metadata["declined"] is None and not (isinstance(declined, str) and is_placeholder(declined)):
        ignored.append("metadata.declined")


def _code(name: str, text: str, known: Callable[[str], str | None], ignored: list[str]) -> str | None:
    """Return the known code that a text stands for. Another text is kept and named, a placeholder is nothing."""
    if is_code_placeholder(text):
        return None
    code = known(text)
    if code is None:
        ignored.append(name)
    return code or text.strip()
