"""Records as their senders write them: what a test does not say is ordinary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.payments import NOON_MS
from udfs.records.account_event import AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

NOW_MS = NOON_MS + 60_000
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
    "event_time": NOON_MS - 86_400_000,
    "timestamp": NOON_MS,
    "label": "fraud",
}


def json_of(ordinary: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """The record with other fields."""
    return json.dumps({**ordinary, **fields}).encode()


def read_payment(value: bytes | None = None, key: bytes | None = b"alice", **fields: Any) -> Transaction | Refusal:
    """What is read of a payment: of ``value``, or of an ordinary one with other fields."""
    return decode_transaction(json_of(PAYMENT, fields) if value is None else value, key, NOW_MS, LIMITS)


def read_account_event(
    value: bytes | None = None, key: bytes | None = b"alice", **fields: Any
) -> AccountEvent | Refusal:
    """What is read of an account event: of ``value``, or of an ordinary one with other fields."""
    return decode_account_event(json_of(ACCOUNT_EVENT, fields) if value is None else value, key, NOW_MS, LIMITS)


def read_label(value: bytes | None = None, key: bytes | None = b"alice", **fields: Any) -> Label | Refusal:
    """What is read of a label: of ``value``, or of an ordinary one with other fields."""
    return decode_label(json_of(LABEL, fields) if value is None else value, key, NOW_MS, LIMITS)
