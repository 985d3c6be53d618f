"""Decoding any bytes gives a record or a refusal, and never an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payments import NOON_MS
from tests.records import ACCOUNT_EVENT, LABEL, LIMITS, NOW_MS, PAYMENT
from udfs.names import Refused
from udfs.records.account_event import AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

Decode = Callable[..., Transaction | AccountEvent | Label | Refusal]

each_decoder = pytest.mark.parametrize(
    ("decode", "ordinary"),
    [(decode_transaction, PAYMENT), (decode_account_event, ACCOUNT_EVENT), (decode_label, LABEL)],
    ids=["payment", "account event", "label"],
)

_texts = st.one_of(
    st.text(),
    st.sampled_from(
        ["", "\ud800", "\udfff\ud800", "\0clock", "2026-01-01T12:00:00Z", "0001-01-01T00:00+23:59", "fraud"]
    ),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)
_numbers = st.one_of(
    st.integers(),
    st.integers(0, 400).map(lambda exponent: -(10**exponent)),
    st.sampled_from([NOON_MS, 2**63, 2**64, 10**309, 10**4_200]),
    st.floats(),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=12,
)
_NAMES = sorted({*PAYMENT, *ACCOUNT_EVENT, *LABEL, "location", "device", "account", "metadata", "source", "channel"})
_PARTS = ["latitude", "longitude", "country", "id", "created_at", "credit_limit", "declined"]
_changes = st.dictionaries(
    st.sampled_from(_NAMES), st.one_of(_json, st.dictionaries(st.sampled_from(_PARTS), _json, max_size=3)), max_size=3
)


def check_decoded(read: Transaction | AccountEvent | Label | Refusal) -> None:
    """Check the contract of every decoder."""
    if isinstance(read, Refusal):
        assert read.reason in Refused
        assert read.detail.encode(), "a refusal without a detail"
        assert len(read.detail) < 1_000
        return
    # Times and ids of a record are valid, so that no later step checks them again.
    assert type(read.event_time) is int
    assert LIMITS.earliest <= read.event_time <= NOW_MS + LIMITS.ahead_ms
    assert read.user_id.encode() != b""
    if isinstance(read, Transaction):
        assert 0 <= read.amount <= LIMITS.amount
        if read.account is not None and read.account.created_at is not None:
            assert float(read.account.created_at) == read.account.created_at


@each_decoder
@given(value=st.one_of(st.none(), st.binary(max_size=200)), key=st.one_of(st.none(), st.binary(max_size=20)))
def test_any_bytes(decode: Decode, ordinary: Mapping[str, Any], value: bytes | None, key: bytes | None) -> None:
    assert isinstance(decode(value, key, NOW_MS, LIMITS), Refusal)


@each_decoder
@given(document=_json)
def test_any_json(decode: Decode, ordinary: Mapping[str, Any], document: object) -> None:
    assert isinstance(decode(json.dumps(document).encode(), b"alice", NOW_MS, LIMITS), Refusal)


@each_decoder
@given(changes=_changes, ascii_only=st.booleans())
def test_an_ordinary_record_with_any_fields_changed(
    decode: Decode, ordinary: Mapping[str, Any], changes: dict[str, Any], ascii_only: bool
) -> None:
    text = json.dumps({**ordinary, **changes}, ensure_ascii=ascii_only)
    user_id = changes.get("user_id", "alice")
    key = user_id.encode("utf-8", "surrogatepass") if isinstance(user_id, str) else b"alice"
    check_decoded(decode(text.encode("utf-8", "surrogatepass"), key, NOW_MS, LIMITS))


@each_decoder
@given(data=st.data())
def test_an_ordinary_record_with_bytes_damaged(
    decode: Decode, ordinary: Mapping[str, Any], data: st.DataObject
) -> None:
    value = bytearray(json.dumps(ordinary).encode())
    for place in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        value[place] = data.draw(st.integers(0, 255))
    check_decoded(decode(bytes(value), b"alice", NOW_MS, LIMITS))


@each_decoder
def test_an_ordinary_record_cut_short_anywhere_is_no_json(decode: Decode, ordinary: Mapping[str, Any]) -> None:
    value = json.dumps(ordinary).encode()
    for end in range(1, len(value)):
        read = decode(value[:end], b"alice", NOW_MS, LIMITS)
        assert isinstance(read, Refusal)
        assert read.reason is Refused.NOT_JSON


@each_decoder
@given(number=st.from_regex(re.compile(r"-?[0-9]{1,5}(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,8})?"), fullmatch=True))
def test_any_format_of_a_number(decode: Decode, ordinary: Mapping[str, Any], number: str) -> None:
    for name in ("amount", "timestamp", "event_time"):
        value = json.dumps({**ordinary, name: "HERE"}).replace('"HERE"', number).encode()
        check_decoded(decode(value, b"alice", NOW_MS, LIMITS))
