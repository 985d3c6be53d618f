"""Labels of simulated payments come after a delay, and agree with the payments."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from state.kernel.times import HOUR_MS
from udfs.names import Topic

OPTIONS = SimulatorOptions(seed=6, rate=0.5, users=300, merchants=60, label_delay_ms=(HOUR_MS, 3 * HOUR_MS))


@pytest.fixture(scope="module")
def records() -> list[SimulatedRecord]:
    return list(islice(Simulator(OPTIONS).records(), 40_000))


@pytest.fixture(scope="module")
def payments(records: list[SimulatedRecord]) -> dict[str, tuple[SimulatedRecord, dict[str, Any]]]:
    """Records of payments and their decoded values, by transaction id."""
    decoded = [(record, json.loads(record.value)) for record in records if record.topic == Topic.TRANSACTIONS]
    return {payment["transaction_id"]: (record, payment) for record, payment in decoded}


@pytest.fixture(scope="module")
def labels(records: list[SimulatedRecord]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records if record.topic == Topic.LABELS]


def test_a_label_belongs_to_a_payment_and_agrees_with_its_ground_truth(
    payments: dict[str, tuple[SimulatedRecord, dict[str, Any]]], labels: list[dict[str, Any]]
) -> None:
    for label in labels:
        record, payment = payments[label["transaction_id"]]
        assert label["label"] == ("legitimate" if record.fraud is None else "fraud")
        assert (label["user_id"], label["merchant_id"]) == (payment["user_id"], payment["merchant_id"])
        assert label["event_time"] == record.time


def test_a_label_comes_within_the_delay(labels: list[dict[str, Any]]) -> None:
    delays = [label["timestamp"] - label["event_time"] for label in labels]
    assert min(delays) >= HOUR_MS
    assert max(delays) <= 3 * HOUR_MS


def test_every_fraud_older_than_the_delay_is_labeled_once(
    records: list[SimulatedRecord],
    payments: dict[str, tuple[SimulatedRecord, dict[str, Any]]],
    labels: list[dict[str, Any]],
) -> None:
    known_by = records[-1].time - 3 * HOUR_MS
    frauds = sorted(name for name, (record, _) in payments.items() if record.fraud and record.time < known_by)
    labeled = [label["transaction_id"] for label in labels]
    assert frauds
    assert [name for name in frauds if labeled.count(name) != 1] == []


def test_a_few_legitimate_payments_are_labeled_too(
    payments: dict[str, tuple[SimulatedRecord, dict[str, Any]]], labels: list[dict[str, Any]]
) -> None:
    legitimate = sum(label["label"] == "legitimate" for label in labels)
    assert 0 < legitimate < 0.02 * len(payments)


def test_chargebacks_are_fraud_and_analysts_clear_payments(labels: list[dict[str, Any]]) -> None:
    assert {(label["label"], label["source"]) for label in labels} == {
        ("fraud", "chargeback"),
        ("legitimate", "analyst"),
    }


def test_the_delay_may_be_zero() -> None:
    simulator = Simulator(SimulatorOptions(seed=6, rate=0.5, users=300, merchants=60, label_delay_ms=(0, 0)))
    records = list(islice(simulator.records(), 5_000))
    frauds = [record for record in records[:4_000] if record.fraud]
    label_times = {
        json.loads(record.value)["transaction_id"]: record.time for record in records if record.topic == Topic.LABELS
    }
    assert [label_times[json.loads(fraud.value)["transaction_id"]] for fraud in frauds] == [
        fraud.time for fraud in frauds
    ]
