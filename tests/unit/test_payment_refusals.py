"""A payment that cannot be decided is refused with the one code that says why, and a detail that says where."""

from __future__ import annotations

import json

import pytest

from tests.payments import NOON_MS
from tests.records import LIMITS, NOW_MS, PAYMENT, json_of, read_payment
from udfs.names import Refused
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

DEEP = 100_000


def refused(value: bytes | None = None, key: bytes | None = b"alice") -> Refusal:
    """The refusal of a record, or of an ordinary one under another key."""
    return _refusal(read_payment(value, key))


def refused_with(field: str, value: object) -> Refusal:
    """The refusal of an ordinary payment with one field changed."""
    return _refusal(read_payment(json_of(PAYMENT, {field: value})))


def _refusal(read: Transaction | Refusal) -> Refusal:
    assert isinstance(read, Refusal), f"this was taken for a payment: {read}"
    # It goes into the dead letter's headers.
    assert read.detail.encode()
    return read


def written(amount: str = "42.5", timestamp: str = str(NOON_MS), more: str = "") -> bytes:
    """A payment with numbers as no JSON encoder would write them."""
    rest = '"transaction_id":"p","user_id":"alice","currency":"EUR","merchant_id":"shop"'
    return f'{{{rest},"amount":{amount},"timestamp":{timestamp}{more}}}'.encode()


# Bytes


def test_a_record_without_a_value_is_empty() -> None:
    for value in (None, b""):
        refusal = decode_transaction(value, b"alice", NOW_MS, LIMITS)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Refused.EMPTY


def test_ten_megabytes_are_refused_unread() -> None:
    assert refused(b"x" * 10_000_000) == Refusal(Refused.OVERSIZED, "10000000 bytes, at most 1048576 are read")


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\xfe{\x00}\x00",  # UTF-16
        json.dumps(PAYMENT).encode().replace(b"alice", b"\xe9lise"),  # Latin-1
        # A surrogate, in a field that is skipped.
        json.dumps(PAYMENT).encode().replace(b"}", b',"note":"\xed\xa0\x80"}'),
    ],
)
def test_bytes_that_are_no_text_are_named_as_such(value: bytes) -> None:
    assert refused(value).reason is Refused.NOT_UTF8


@pytest.mark.parametrize(
    "value",
    [
        *(b" ", b"\0", b"{", b"{}{}", b"amount=5", b"{'amount': 5}", b'{"amount":5,}', b'{"a":1} x'),
        b"\xef\xbb\xbf" + json.dumps(PAYMENT).encode(),  # a byte order mark
        json.dumps(PAYMENT).encode()[:-1],
        written(amount="042"),
        written(amount="4."),
        written(amount="+4"),
    ],
)
def test_text_that_is_no_json_is_named_as_such(value: bytes) -> None:
    assert refused(value).reason is Refused.NOT_JSON


@pytest.mark.parametrize("field", ["user_id", "transaction_id", "merchant_id", "note"])
def test_half_a_surrogate_pair_is_no_json(field: str) -> None:
    assert refused_with(field, "\ud800").reason is Refused.NOT_JSON
    assert refused_with(field, "fox \udd8a, the wrong half").reason is Refused.NOT_JSON


@pytest.mark.parametrize(
    "value",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        written(more=',"metadata":{"x":' + "[" * DEEP + "]" * DEEP + "}"),
        written(more=',"unknown":' + '{"x":' * DEEP + "0" + "}" * DEEP),
    ],
)
def test_endless_nesting_is_refused(value: bytes) -> None:
    assert refused(value) == Refusal(Refused.NOT_JSON, "nested too deeply")


# Fields


@pytest.mark.parametrize("field", PAYMENT)
def test_each_required_field_is_missed(field: str) -> None:
    without = {name: value for name, value in PAYMENT.items() if name != field}
    expected = Refusal(Refused.MISSING_FIELD, f"{field} is required")
    assert refused(json.dumps(without).encode()) == expected
    assert refused_with(field, None) == expected


@pytest.mark.parametrize(
    ("value", "what"), [(b"[]", "array"), (b"null", "null"), (b"5", "number"), (b'"x"', "string"), (b"true", "boolean")]
)
def test_a_value_that_is_no_object_is_of_the_wrong_type(value: bytes, what: str) -> None:
    assert refused(value) == Refusal(Refused.WRONG_TYPE, f"the value is a JSON {what}, not an object")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("amount", "42.5"), ("amount", True), ("amount", [42.5]), ("user_id", 7), ("merchant_id", {})),
        *(("timestamp", 1.5), ("timestamp", []), ("transaction_id", 123), ("currency", 978), ("amount", {})),
    ],
)
def test_a_field_of_the_wrong_type_is_named(field: str, value: object) -> None:
    refusal = refused_with(field, value)
    assert refusal.reason is Refused.WRONG_TYPE
    assert f"$.{field}" in refusal.detail


@pytest.mark.parametrize(
    "value",
    [
        *(written(amount="NaN"), written(amount="Infinity"), written(amount="-Infinity"), b"NaN"),
        *(written(more=',"location":{"latitude":NaN}'), written(more=',"unknown":[NaN]')),
        *(written(amount="1e999"), written(amount="-1e999"), written(amount="9" * 400), written(amount="9" * 5_000)),
        *(
            written(timestamp="1e999"),
            written(timestamp="9" * 5_000),
            written(more=',"account":{"credit_limit":1e999}'),
        ),
    ],
)
def test_a_number_that_no_float_holds_is_not_finite(value: bytes) -> None:
    assert refused(value).reason is Refused.NOT_FINITE


# Checks beyond types


@pytest.mark.parametrize("amount", [-0.01, -1e9, -5e-324])
def test_a_refund_is_no_payment(amount: float) -> None:
    assert refused_with("amount", amount).reason is Refused.AMOUNT_NEGATIVE


@pytest.mark.parametrize("amount", [1_000_000_000.01, 1e300, 10**30])
def test_more_than_a_thousand_million_is_a_mistake(amount: float) -> None:
    assert refused_with("amount", amount).reason is Refused.AMOUNT_ABSURD


@pytest.mark.parametrize("field", ["user_id", "transaction_id", "merchant_id"])
@pytest.mark.parametrize("text", ["", "\n", "a\0b", "\0clock", "a\u202eb", "\ue000", "a" * 257])
def test_an_id_that_cannot_be_printed_is_no_id(field: str, text: str) -> None:
    refusal = refused_with(field, text)
    assert refusal.reason is Refused.IDENTIFIER_INVALID
    assert refusal.detail.startswith(field)


@pytest.mark.parametrize("key", [None, b"", b"bob", b"\xff", b"alice ", b'"alice"'])
def test_a_key_that_is_not_the_user_may_lie_in_anothers_partition(key: bytes | None) -> None:
    assert refused(key=key).reason is Refused.KEY_MISMATCH
