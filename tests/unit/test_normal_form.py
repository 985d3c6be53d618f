"""Codes, ids and flags have one normal form, and what means nothing is nothing."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from tests.records import read_account_event, read_label, read_payment
from udfs.features.country_and_category import CATEGORY_RISK, HIGH_RISK_COUNTRIES
from udfs.names import Refused
from udfs.records.categories import _RANGES
from udfs.records.countries import COUNTRIES
from udfs.records.normal_form import normal_identifier
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction


def accepted(**fields: Any) -> Transaction:
    read = read_payment(**fields)
    assert not isinstance(read, Refusal), read
    return read


# Countries


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("AT", "AT"), ("at", "AT"), (" at ", "AT"), ("AUT", "AT"), ("040", "AT"), (40, "AT"), ("US-CA", "US")),
        *(("NA", "NA"), ("na", "NA"), ("NAM", "NA"), ("NO", "NO"), ("UK", "GB"), ("USA", "US"), ("XK", "XK")),
        *(("United States", "US"), ("ir", "IR"), ("PRK", "KP"), (643, "RU")),
    ],
)
def test_a_country_is_its_code_of_two_letters(written: object, code: str) -> None:
    payment = accepted(location={"country": written})
    assert payment.location is not None
    assert (payment.location.country, payment.ignored) == (code, ())


@pytest.mark.parametrize("text", ["", " ", "null", "N/A", "unknown", "Unknown", "-"])
def test_a_placeholder_is_no_country_and_no_fault(text: str) -> None:
    payment = accepted(location={"country": text})
    assert payment.location is not None
    assert (payment.location.country, payment.ignored) == (None, ())


@pytest.mark.parametrize("value", ["XX", "ZZ", "Atlantis", "A" * 1000, 1000, "1000", [], {}, 4.5, True])
def test_what_is_no_country_is_left_out_and_named(value: object) -> None:
    payment = accepted(location={"country": value})
    assert payment.location is not None
    assert (payment.location.country, payment.ignored) == (None, ("location.country",))


def test_all_countries_of_high_risk_are_countries() -> None:
    assert HIGH_RISK_COUNTRIES < COUNTRIES
    assert len(COUNTRIES) == 250


# Currencies


@pytest.mark.parametrize(("written", "code"), [("eur", "EUR"), (" EUR ", "EUR"), ("978", "EUR"), ("36", "AUD")])
def test_a_currency_is_its_code_of_three_letters(written: str, code: str) -> None:
    payment = accepted(currency=written)
    assert (payment.currency, payment.ignored) == (code, ())


def test_a_currency_that_is_not_known_is_kept_and_named() -> None:
    payment = accepted(currency="Btc")
    assert (payment.currency, payment.ignored) == ("BTC", ("currency",))


@pytest.mark.parametrize("text", ["", " ", "null", "N/A"])
def test_a_payment_without_a_currency_cannot_be_decided(text: str) -> None:
    assert read_payment(currency=text) == Refusal(Refused.MISSING_FIELD, "currency is required")


# Channels, categories, methods of payment


@pytest.mark.parametrize(
    ("field", "written", "code"),
    [
        *(("channel", "WEB", "web"), ("channel", "Online", "web"), ("channel", "e-commerce", "web")),
        *(("channel", "Mobile App", "mobile"), ("channel", "in-store", "pos"), ("channel", "N/A", None)),
        *(("merchant_category", "Grocery", "grocery"), ("merchant_category", "Money Transfer", "money_transfer")),
        *(("merchant_category", 5411, "grocery"), ("merchant_category", "5411", "grocery")),
        *(("merchant_category", 5411.0, "grocery"), ("merchant_category", "0742", "kids_pets")),
        *(("merchant_category", 742, "kids_pets"), ("merchant_category", 7995, "gambling")),
        *(("merchant_category", 3501, "travel"), ("merchant_category", "unknown", None)),
        *(
            ("payment_method", "Credit Card", "card"),
            ("payment_method", "SEPA", "transfer"),
            ("payment_method", "", None),
        ),
    ],
)
def test_a_code_has_one_form(field: str, written: object, code: str | None) -> None:
    payment = accepted(**{field: written})
    assert (getattr(payment, field), payment.ignored) == (code, ())


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("channel", "pigeon"),
        ("merchant_category", "Shoes"),
        ("merchant_category", "5999"),
        ("payment_method", "shells"),
    ],
)
def test_a_code_of_ones_own_is_kept_for_patterns_and_named(field: str, written: str) -> None:
    payment = accepted(**{field: f" {written} "})
    assert (getattr(payment, field), payment.ignored) == (written, (field,))


def test_the_ranges_of_merchant_codes_ascend_and_have_categories_of_known_risk() -> None:
    bounds = [bound for first, last, _ in _RANGES for bound in (first, last)]
    assert bounds == sorted(bounds)
    assert all(category in CATEGORY_RISK for _, _, category in _RANGES)


# Optional fields of another type


@pytest.mark.parametrize(
    ("written", "flag"),
    [*((1, True), (0, False), ("true", True), ("Y", True), ("no", False), (1.0, True), ("", None), ("N/A", None))],
)
def test_a_flag_may_be_a_number_or_a_word(written: object, flag: bool | None) -> None:
    payment = accepted(card_present=written)
    assert (payment.card_present, payment.ignored) == (flag, ())


def test_a_number_may_be_a_text() -> None:
    payment = accepted(account={"credit_limit": "5000"}, location={"latitude": "48.2", "longitude": "16.4"})
    assert payment.account is not None
    assert payment.location is not None
    assert payment.account.credit_limit == 5000
    assert (payment.location.latitude, payment.location.longitude, payment.ignored) == (48.2, 16.4, ())


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({"card_present": 2}, "card_present"),
        ({"card_present": []}, "card_present"),
        ({"channel": 3}, "channel"),
        ({"merchant_category": {}}, "merchant_category"),
        ({"merchant_category": 54_110}, "merchant_category"),
        ({"location": "Munich"}, "location"),
        ({"location": {"latitude": "north"}}, "location.latitude"),
        ({"location": {"latitude": 90.001}}, "location.latitude"),
        ({"location": {"longitude": -180.5}}, "location.longitude"),
        ({"location": {"city": 5}}, "location.city"),
        ({"device": ["phone"]}, "device"),
        ({"device": {"id": "a\n"}}, "device.id"),
        ({"device": {"ip": 7}}, "device.ip"),
        ({"account": 5}, "account"),
        ({"account": {"credit_limit": "much"}}, "account.credit_limit"),
        ({"account": {"credit_limit": "NaN0"}}, "account.credit_limit"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"declined": "perhaps"}}, "metadata.declined"),
    ],
)
def test_an_optional_field_that_cannot_be_read_is_left_out_and_named(fields: dict[str, Any], ignored: str) -> None:
    payment = accepted(**fields)
    assert payment.ignored == (ignored,)
    assert payment.declined is False


def test_every_field_that_is_left_out_is_named() -> None:
    payment = accepted(card_present=[], channel=1, location={"latitude": 91, "country": "XX"}, currency="???")
    assert set(payment.ignored) == {"card_present", "channel", "location.latitude", "location.country", "currency"}


@pytest.mark.parametrize("value", [["everything"], 5, "x", None])
def test_a_record_cannot_say_itself_what_was_ignored(value: object) -> None:
    assert accepted(ignored=value).ignored == ()
    assert accepted(ignored=value, card_present=1).ignored == ()


# Ids


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Caf\u00e9\u00a0Central", "Caf\u00e9 Central"),
        ("Cafe\u0301 Central", "Caf\u00e9 Central"),
        ("\u682a\u5f0f\u3000\u4f1a\u793e", "\u682a\u5f0f \u4f1a\u793e"),
        ("\u0646\u06cc\u200c\u0645", "\u0646\u06cc\u200c\u0645"),
        ("\U0001f468\u200d\U0001f469 shop", "\U0001f468\u200d\U0001f469 shop"),
        (" shop ", "shop"),
        ("sh\u200bop\ufeff", "shop"),
        ("shop\u00ad", "shop"),
    ],
)
def test_a_merchant_has_one_form(written: str, normal: str) -> None:
    assert accepted(merchant_id=written).merchant_id == normal
    assert accepted(transaction_id=written).transaction_id == normal
    assert accepted(device={"id": written}).device_id == normal


@pytest.mark.parametrize("text", [" ", "\u00a0", "\u200b", "a\tb", "a\u2028b", "a\u202eb", "\ue000"])
def test_what_cannot_be_seen_or_would_deceive_is_no_merchant(text: str) -> None:
    read = read_payment(merchant_id=text)
    assert isinstance(read, Refusal)
    assert read.reason is Refused.IDENTIFIER_INVALID


@pytest.mark.parametrize("user", [" alice", "alice ", "al\u200bice", "a\u00a0b", "Ju\u0308rgen "])
def test_a_user_that_is_the_key_must_come_in_the_normal_form(user: str) -> None:
    for read in (read_payment(key=user.encode(), user_id=user), read_account_event(key=user.encode(), user_id=user)):
        assert isinstance(read, Refusal)
        assert read.reason is Refused.IDENTIFIER_INVALID
        assert "normal form" in read.detail


@pytest.mark.parametrize("user", ["Ju\u0308rgen", "J\u00fcrgen"])
@pytest.mark.parametrize("key", ["Ju\u0308rgen", "J\u00fcrgen"])
def test_a_user_is_one_in_whatever_form_the_id_and_the_key_are_written(user: str, key: str) -> None:
    for read in (read_payment, read_account_event, read_label):
        record = read(key=key.encode(), user_id=user)
        assert not isinstance(record, Refusal)
        assert record.user_id == "J\u00fcrgen"


def test_ids_of_a_megabyte_of_marks_are_refused_without_being_sorted() -> None:
    marks = "a" + "\u0301" * 80_000 + "\u0323" * 80_000
    assert normal_identifier(marks) == marks
    for name in ("merchant_id", "transaction_id", "user_id"):
        fields: dict[str, Any] = {name: marks, "key": marks.encode() if name == "user_id" else b"alice"}
        read = read_payment(**fields)
        assert isinstance(read, Refusal)
        assert read.reason is Refused.IDENTIFIER_INVALID
    assert accepted(device={"id": marks}).device_id is None


def test_the_longest_id_is_read_in_whatever_form_it_is_written() -> None:
    longest = "\u1f82" * 256
    assert accepted(merchant_id=unicodedata.normalize("NFD", longest)).merchant_id == longest


@pytest.mark.parametrize("user", ["J\u00fcrgen", "\u0646\u06cc\u200c\u0645", "user 1"])
def test_a_user_in_the_normal_form_is_decided(user: str) -> None:
    assert not isinstance(read_payment(key=user.encode(), user_id=user), Refusal)


@pytest.mark.parametrize(
    "text", ["unknown", "NULL", "N/A", "", "-", "0", "00000000-0000-0000-0000-000000000000", "000000000000000"]
)
def test_a_device_of_nobody_is_not_shared_by_all(text: str) -> None:
    payment = accepted(device={"id": text})
    assert (payment.device_id, payment.ignored) == (None, ())


@pytest.mark.parametrize("name", [7, "0a", "00-00-1", "unknown-7"])
def test_the_id_of_a_device_may_be_a_number(name: object) -> None:
    assert accepted(device={"id": name}).device_id == str(name)
