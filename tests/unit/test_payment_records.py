"""A payment that can be read is read: all its fields, in every form that is allowed."""

from __future__ import annotations

import json

import pytest

from tests.payments import NOON_MS
from tests.records import LIMITS, NOW_MS, PAYMENT, read_payment
from udfs.records.refusal import Refusal
from udfs.records.transaction import Account, Device, Location, Transaction, decode_transaction


def accepted(**fields: object) -> Transaction:
    read = read_payment(**fields)  # type: ignore[arg-type]
    assert not isinstance(read, Refusal), read
    return read


def test_six_fields_are_enough() -> None:
    assert read_payment() == Transaction(
        transaction_id="p-1",
        user_id="alice",
        amount=42.5,
        currency="EUR",
        merchant_id="shop",
        event_time=NOON_MS,
    )


def test_every_field_that_is_known_is_read() -> None:
    payment = accepted(
        merchant_category="5411",
        location={"latitude": 48.1, "longitude": 11.6, "country": "DE", "city": "Munich"},
        payment_method="card",
        card_present=False,
        channel="web",
        device={"id": "phone", "ip": "10.0.0.1", "user_agent": "Firefox"},
        account={"created_at": "2020-01-01T00:00:00Z", "credit_limit": 5000},
        metadata={"declined": True},
    )
    assert payment.merchant_category == "grocery"
    assert payment.location == Location(48.1, 11.6, "DE", "Munich")
    assert (payment.payment_method, payment.card_present, payment.channel) == ("card", False, "web")
    assert payment.device == Device("phone", "10.0.0.1", "Firefox")
    assert payment.account == Account(1_577_836_800_000, 5000.0)
    assert payment.declined


@pytest.mark.parametrize(
    "field",
    [
        *("merchant_category", "location", "payment_method", "card_present"),
        *("channel", "device", "account", "metadata"),
    ],
)
def test_what_is_not_required_may_be_null(field: str) -> None:
    assert accepted(**{field: None}) == accepted()


def test_unknown_fields_do_no_harm() -> None:
    assert accepted(loyalty={"points": [1, 2, 3]}, amount_in_words="forty-two", ümlaut="ja") == accepted()


@pytest.mark.parametrize(
    ("metadata", "declined"),
    [
        (None, False),
        ({}, False),
        ({"declined": False}, False),
        ({"declined": "maybe"}, False),
        ({"declined": "true"}, True),
        ({"declined": 1}, True),
        ({"declined": "N"}, False),
        ({"declined": True}, True),
    ],
)
def test_a_flag_of_any_form_says_that_the_issuer_declined(metadata: object, declined: bool) -> None:
    assert accepted(metadata=metadata).declined is declined


@pytest.mark.parametrize("amount", [0, 0.0, 1, 0.01, 1e9, 5e-324])
def test_an_amount_from_nothing_to_the_limit_is_a_payment(amount: float) -> None:
    assert accepted(amount=amount).amount == amount


@pytest.mark.parametrize("user_id", ["a", "Ünal", "用户", "user 1", "🦊", "a" * 256])
def test_an_id_is_any_text_that_can_be_printed(user_id: str) -> None:
    payment = read_payment(key=user_id.encode(), user_id=user_id)
    assert not isinstance(payment, Refusal)
    assert payment.user_id == user_id


@pytest.mark.parametrize("device", [None, {}, {"id": None}, {"id": ""}, {"id": "a\n"}, {"id": "\0"}, {"id": "a" * 257}])
def test_what_cannot_be_the_id_of_a_device_is_none(device: object) -> None:
    assert accepted(device=device).device_id is None


@pytest.mark.parametrize("name", ["phone", "my phone", "📱", "a" * 256])
def test_the_id_of_a_device_is_any_text_that_can_be_printed(name: str) -> None:
    assert accepted(device={"id": name}).device_id == name


@pytest.mark.parametrize(("latitude", "longitude"), [(90, 180), (-90, -180), (0, 0), (None, 11.6), (48.1, None)])
def test_a_place_reaches_to_the_poles_and_the_date_line(latitude: float | None, longitude: float | None) -> None:
    assert accepted(location={"latitude": latitude, "longitude": longitude}).location == Location(latitude, longitude)


def test_a_record_as_long_as_the_limit_is_read() -> None:
    value = json.dumps(PAYMENT).encode()
    assert isinstance(decode_transaction(value.ljust(LIMITS.record_bytes), b"alice", NOW_MS, LIMITS), Transaction)
