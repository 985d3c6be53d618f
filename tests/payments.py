"""Payments for tests: ordinary but for the fields that a test names."""

from __future__ import annotations

from typing import Any

from state.kernel.times import MINUTE_MS
from udfs.records.transaction import Transaction

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def payment(transaction_id: str, amount: float, minute: float = 0.0, **fields: Any) -> Transaction:
    """Build a payment of ``amount`` made ``minute`` minutes after noon; other fields by their names."""
    ordinary = {"user_id": "alice", "merchant_id": "shop", "currency": "EUR"}
    return Transaction(
        transaction_id=transaction_id,
        amount=amount,
        event_time=NOON_MS + round(minute * MINUTE_MS),
        **(ordinary | fields),
    )
