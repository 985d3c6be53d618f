"""The load generator: the schedule is fixed beforehand, and lateness is measured."""

from __future__ import annotations

import time

import numpy as np
import pytest

from apps.bench.schedule import OfferedLoad, Schedule, make_schedule, send_on_schedule
from apps.simulator.simulator import Simulator, SimulatorOptions
from apps.simulator.writing import SimulatedRecord
from udfs.names import Topic


def records(count: int) -> list[SimulatedRecord]:
    return [
        SimulatedRecord(Topic.TRANSACTIONS, b"user", b'{"transaction_id":"t-%d"}' % number, number, None)
        for number in range(count)
    ]


def simulator(rate: float = 10.0) -> Simulator:
    return Simulator(SimulatorOptions(rate=rate, users=200, merchants=20, diurnal=False, seed=3))


def test_a_schedule_has_the_requested_rate() -> None:
    schedule = make_schedule(simulator(), seconds=20, speedup=50)
    payments = [due for due, each in zip(schedule.due_s, schedule.records, strict=True) if each.topic == "transactions"]
    within = [due for due in payments if due < 20]
    assert len(within) / 20 == pytest.approx(500, rel=0.1)


def test_a_schedule_ascends_and_the_next_one_continues_it() -> None:
    source = simulator()
    first, second = make_schedule(source, 5, 50), make_schedule(source, 5, 50)
    for schedule in (first, second):
        assert (np.diff(schedule.due_s) >= 0).all()
        assert schedule.due_s[0] >= 0
    assert {each.value for each in first.records}.isdisjoint(each.value for each in second.records)
    assert first.records[-1].time <= second.records[0].time


def test_every_record_is_sent_once_in_order_and_none_before_it_is_due() -> None:
    schedule = Schedule(np.array([0.0, 0.0, 0.02, 0.05]), records(4))
    sent: list[bytes] = []
    offered = send_on_schedule(schedule, lambda each: sent.append(each.value), lambda: None)
    assert sent == [each.value for each in schedule.records]
    assert (offered.late_ms >= 0).all()
    assert len(offered.due_ms) == 4


def test_a_client_that_blocks_makes_later_records_late_and_does_not_move_the_schedule() -> None:
    schedule = Schedule(np.array([0.0, 0.01, 0.02]), records(3))

    def blocks_on_the_first(each: SimulatedRecord) -> None:
        if each.time == 0:
            time.sleep(0.1)

    offered = send_on_schedule(schedule, blocks_on_the_first, lambda: None)
    # A lower bound, not a measurement of speed: the sleep above makes them late.
    assert offered.late_ms[1] >= 89
    assert offered.late_ms[2] >= 79
    due = list(offered.due_ms.values())
    assert np.diff(due) == pytest.approx([10, 10], abs=0.01)


def test_transactions_are_selected_by_when_they_were_due() -> None:
    offered = OfferedLoad(1_000.0, {"a": 1_000.0, "b": 3_000.0, "c": 5_000.0}, np.zeros(3), 0.0, 4.0)
    assert list(offered.due_between(2, 4)) == ["b"]
