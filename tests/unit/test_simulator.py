"""The simulator: endless traffic in order of event time, the same for the same seed, and all of it readable."""

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
    """Some 40,000 records of a day."""
    return list(islice(Simulator(SMALL).records(), 40_000))


def values(records: list[SimulatedRecord], topic: Topic) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records if record.topic == topic]


def test_the_same_seed_gives_the_same_records_byte_for_byte(day: list[SimulatedRecord]) -> None:
    assert list(islice(Simulator(SMALL).records(), len(day))) == day


def test_another_seed_gives_other_people_and_payments() -> None:
    one, other = (next(Simulator(SimulatorOptions(seed=seed)).records()) for seed in (1, 2))
    assert one.value != other.value


def test_records_come_in_order_of_event_time_from_the_start_on(day: list[SimulatedRecord]) -> None:
    times = [record.time for record in day]
    assert times == sorted(times)
    assert times[0] >= SMALL.start


def test_a_record_is_sent_at_the_time_that_stands_in_it(day: list[SimulatedRecord]) -> None:
    assert all(json.loads(record.value)["timestamp"] == record.time for record in day)


def test_every_record_is_read_without_complaint(day: list[SimulatedRecord]) -> None:
    read = [DECODERS[record.topic](record.value, record.key, record.time, Limits()) for record in day]
    assert [one for one in read if isinstance(one, Refusal)] == []


def test_every_topic_has_its_part(day: list[SimulatedRecord]) -> None:
    counted = Counter(record.topic for record in day)
    assert counted.keys() == DECODERS.keys()
    assert counted[Topic.TRANSACTIONS] > 0.9 * len(day)


def test_no_two_payments_share_an_id(day: list[SimulatedRecord]) -> None:
    ids = [payment["transaction_id"] for payment in values(day, Topic.TRANSACTIONS)]
    assert len(set(ids)) == len(ids)


def test_two_runs_at_different_times_do_not_repeat_each_others_ids() -> None:
    starts = (SMALL.start, SMALL.start + 1_000)
    records = [next(Simulator(SimulatorOptions(seed=5, start=start)).records()) for start in starts]
    assert len({json.loads(record.value)["transaction_id"] for record in records}) == 2


def test_some_merchants_leave_parts_of_the_record_out_and_most_do_not(day: list[SimulatedRecord]) -> None:
    payments = values(day, Topic.TRANSACTIONS)
    for part in ("location", "card_present", "device", "account"):
        assert 0 < sum(part not in payment for payment in payments) < 0.3 * len(payments), part


def test_a_user_usually_pays_at_the_same_few_merchants(day: list[SimulatedRecord]) -> None:
    payments = values(day, Topic.TRANSACTIONS)
    busiest, _ = Counter(payment["user_id"] for payment in payments).most_common(1)[0]
    visits = Counter(payment["merchant_id"] for payment in payments if payment["user_id"] == busiest)
    assert sum(count for _, count in visits.most_common(8)) > 0.6 * visits.total()


def test_no_payment_is_made_because_an_hour_ends() -> None:
    simulator = Simulator(SimulatorOptions(rate=0.02, users=100, merchants=20, fraud_rate=0.0))
    times = [record.time for record in islice(simulator.records(), 3_000) if record.topic == Topic.TRANSACTIONS]
    assert sum(time % HOUR_MS == 0 for time in times) <= 1


def test_without_hours_the_rate_holds_at_night_as_well() -> None:
    simulator = Simulator(SimulatorOptions(rate=5.0, diurnal=False, fraud_rate=0.0))
    records = simulator.block(50_000)
    assert 50_000 / ((records[-1].time - SMALL.start) / 1_000) == pytest.approx(5.0, rel=0.02)  # 4.5 standard errors


def test_event_time_goes_on_with_what_was_given() -> None:
    simulator = Simulator(SMALL)
    for _ in range(20):
        records = simulator.block(500)
        assert records[-1].time <= simulator.time
    assert simulator.time < SMALL.start + DAY_MS
