"""The simulator generates endless traffic in order of event time, the same for a seed, that the job can decode."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from state.kernel.times import DAY_MS, HOUR_MS
from udfs.names import Topic
from udfs.records.account_event import decode_account_event
from udfs.records.label import decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction

SMALL = SimulatorOptions(seed=5, rate=0.5, users=300, merchants=60, label_delay_ms=(HOUR_MS, 6 * HOUR_MS))
DECODERS = {
    Topic.TRANSACTIONS: decode_transaction,
    Topic.ACCOUNT_EVENTS: decode_account_event,
    Topic.LABELS: decode_label,
}


@pytest.fixture(scope="module")
def day() -> list[SimulatedRecord]:
    """40,000 records of about a day."""
    return list(islice(Simulator(SMALL).records(), 40_000))


def values(records: list[SimulatedRecord], topic: Topic) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records if record.topic == topic]


def test_the_same_seed_gives_the_same_records_byte_for_byte(day: list[SimulatedRecord]) -> None:
    assert list(islice(Simulator(SMALL).records(), len(day))) == day


def test_another_seed_gives_other_payments() -> None:
    one, other = (next(Simulator(SimulatorOptions(seed=seed)).records()) for seed in (1, 2))
    assert one.value != other.value


def test_records_come_in_order_of_event_time_from_the_start(day: list[SimulatedRecord]) -> None:
    times = [record.time for record in day]
    assert times == sorted(times)
    assert times[0] >= SMALL.start


def test_the_time_of_a_record_is_its_timestamp(day: list[SimulatedRecord]) -> None:
    assert all(json.loads(record.value)["timestamp"] == record.time for record in day)


def test_the_job_decodes_every_record(day: list[SimulatedRecord]) -> None:
    decoded = [DECODERS[record.topic](record.value, record.key, record.time, Limits()) for record in day]
    assert [one for one in decoded if isinstance(one, Refusal)] == []


def test_every_topic_gets_records(day: list[SimulatedRecord]) -> None:
    counted = Counter(record.topic for record in day)
    assert counted.keys() == DECODERS.keys()
    assert counted[Topic.TRANSACTIONS] > 0.9 * len(day)


def test_no_two_payments_share_an_id(day: list[SimulatedRecord]) -> None:
    ids = [payment["transaction_id"] for payment in values(day, Topic.TRANSACTIONS)]
    assert len(set(ids)) == len(ids)


def test_two_runs_with_different_starts_share_no_ids() -> None:
    starts = (SMALL.start, SMALL.start + 1_000)
    records = [next(Simulator(SimulatorOptions(seed=5, start=start)).records()) for start in starts]
    assert len({json.loads(record.value)["transaction_id"] for record in records}) == 2


def test_some_merchants_omit_fields_and_most_do_not(day: list[SimulatedRecord]) -> None:
    payments = values(day, Topic.TRANSACTIONS)
    for field in ("location", "card_present", "device", "account"):
        assert 0 < sum(field not in payment for payment in payments) < 0.3 * len(payments), field


def test_a_user_makes_most_payments_at_a_few_merchants(day: list[SimulatedRecord]) -> None:
    payments = values(day, Topic.TRANSACTIONS)
    busiest, _ = Counter(payment["user_id"] for payment in payments).most_common(1)[0]
    visits = Counter(payment["merchant_id"] for payment in payments if payment["user_id"] == busiest)
    assert sum(count for _, count in visits.most_common(8)) > 0.6 * visits.total()


def test_the_end_of_an_hour_causes_no_payment() -> None:
    simulator = Simulator(SimulatorOptions(rate=0.02, users=100, merchants=20, fraud_rate=0.0))
    times = [record.time for record in islice(simulator.records(), 3_000) if record.topic == Topic.TRANSACTIONS]
    assert sum(time % HOUR_MS == 0 for time in times) <= 1


def test_without_a_diurnal_cycle_the_rate_holds_at_night() -> None:
    simulator = Simulator(SimulatorOptions(rate=5.0, diurnal=False, fraud_rate=0.0))
    records = simulator.block(50_000)
    assert 50_000 / ((records[-1].time - SMALL.start) / 1_000) == pytest.approx(5.0, rel=0.02)  # 4.5 standard errors


def test_event_time_advances_with_the_generated_records() -> None:
    simulator = Simulator(SMALL)
    for _ in range(20):
        records = simulator.block(500)
        assert records[-1].time <= simulator.time
    assert simulator.time < SMALL.start + DAY_MS
