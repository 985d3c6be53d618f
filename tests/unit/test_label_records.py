"""Labels: whether a payment was fraud, known later and from outside."""

from __future__ import annotations

from typing import Any

import pytest

from state.kernel.times import DAY_MS
from tests.payments import NOON_MS
from tests.records import read_label
from udfs.names import Refused
from udfs.records.label import Label
from udfs.records.refusal import Refusal


def reason(value: Any = None, key: Any = b"alice", **fields: Any) -> Refused:
    read = read_label(value, key, **fields)
    assert isinstance(read, Refusal), f"this was taken for a label: {read}"
    return read.reason


def test_a_chargeback_says_that_a_payment_was_fraud() -> None:
    label = Label(
        transaction_id="p-1",
        user_id="alice",
        merchant_id="shop",
        event_time=NOON_MS - DAY_MS,
        labelled_at=NOON_MS,
        verdict="fraud",
        source="chargeback",
    )
    assert read_label() == label
    assert read_label(event_time="2025-12-31T12:00:00Z", timestamp="2026-01-01T13:00:00+01:00") == label
    assert label.fraud


def test_an_analyst_can_clear_a_payment() -> None:
    read = read_label(label="legitimate", source="analyst")
    assert isinstance(read, Label)
    assert read.source == "analyst"
    assert not read.fraud


def test_a_label_may_name_the_device_of_the_payment() -> None:
    without, with_device = read_label(device_id=None), read_label(device_id="phone")
    assert isinstance(without, Label)
    assert isinstance(with_device, Label)
    assert (without, without.device_id, with_device.device_id) == (read_label(), None, "phone")


@pytest.mark.parametrize("fields", [{"label": "maybe"}, {"label": "out of range"}, {"source": "rumour"}, {"label": 1}])
def test_an_unknown_verdict_or_source_is_of_the_wrong_type(fields: dict[str, Any]) -> None:
    assert reason(**fields) is Refused.WRONG_TYPE


@pytest.mark.parametrize(("device", "known"), [("", None), ("unknown", None), ("a\0", None), ([], None), (7, "7")])
def test_a_device_that_is_none_does_not_refuse_a_label(device: object, known: str | None) -> None:
    read = read_label(device_id=device)
    assert isinstance(read, Label)
    assert read.device_id == known


def test_a_label_names_the_merchant_in_the_form_of_the_payment() -> None:
    read = read_label(merchant_id="Cafe\u0301\u00a0Central ")
    assert isinstance(read, Label)
    assert read.merchant_id == "Caf\u00e9 Central"


def test_a_verdict_of_a_megabyte_is_not_repeated_in_the_dead_letter() -> None:
    read = read_label(label="fraud" * 100_000)
    assert isinstance(read, Refusal)
    assert len(read.detail) <= 500


@pytest.mark.parametrize("field", ["transaction_id", "user_id", "merchant_id", "event_time", "timestamp", "label"])
def test_each_required_field_is_missed_under_the_name_it_has_in_json(field: str) -> None:
    assert read_label(**{field: None}) == Refusal(Refused.MISSING_FIELD, f"{field} is required")


def test_each_fault_has_its_own_reason() -> None:
    assert reason(b"\xff") is Refused.NOT_UTF8
    assert reason(b"{") is Refused.NOT_JSON
    assert reason(transaction_id="") is Refused.IDENTIFIER_INVALID
    assert reason(merchant_id="\n") is Refused.IDENTIFIER_INVALID
    assert reason(user_id="\0") is Refused.IDENTIFIER_INVALID
    assert reason(key=b"bob") is Refused.KEY_MISMATCH
    assert reason(event_time=0) is Refused.TIME_OUT_OF_RANGE
    assert reason(event_time=10**400) is Refused.TIME_OUT_OF_RANGE
    assert reason(timestamp="9999-01-01T00:00:00Z") is Refused.TIME_OUT_OF_RANGE
    assert reason(timestamp=NOON_MS + 2 * DAY_MS) is Refused.TIME_IN_FUTURE
