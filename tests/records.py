"""Input records for tests: ordinary but for the fields that a test names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from state.kernel.times import DAY_MS, MINUTE_MS
from tests.payments import NOON_MS
from udfs.records.account_event import AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

NOW_MS = NOON_MS + MINUTE_MS
LIMITS = Limits()

PAYMENT: Mapping[str, Any] = {
    "transaction_id": "p-1",
    "user_id": "alice",
    "amount": 42.5,
    "currency": "EUR",
    "merchant_id": "shop",
    "timestamp": NOON_MS,
}
ACCOUNT_EVENT: Mapping[str, Any] = {"user_id": "alice", "kind": "password_reset", "timestamp": NOON_MS}
LABEL: Mapping[str, Any] = {
    "transaction_id": "p-1",
    "user_id": "alice",
    "merchant_id": "shop",
    "event_time": NOON_MS - DAY_MS,
    "timestamp": NOON_MS,
    "label": "fraud",
}


def json_of(ordinary: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """Encode an ordinary record with some fields changed."""
    return json.dumps({**ordinary, **fields}).encode()


def read_payment(value: bytes | None = None, key: bytes | None = b"alice", **fields: Any) -> Transaction | Refusal:
    """Decode a payment: ``value``, or an ordinary one with some fields changed."""
    return decode_transaction(json_of(PAYMENT, fields) if value is None else value, key, NOW_MS, LIMITS)


def read_account_event(
    value: bytes | None = None, key: bytes | None = b"alice", **fields: Any
) -> AccountEvent | Refusal:
    """Decode an account event: ``value``, or an ordinary one with some fields changed."""
    return decode_account_event(json_of(ACCOUNT_EVENT, fields) if value is None else value, key, NOW_MS, LIMITS)


def read_label(value: bytes | None = None, key: bytes | None = b"alice", **fields: Any) -> Label | Refusal:
    """Decode a label: ``value``, or an ordinary one with some fields changed."""
    return decode_label(json_of(LABEL, fields) if value is None else value, key, NOW_MS, LIMITS)
