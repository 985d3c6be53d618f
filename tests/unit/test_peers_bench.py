"""``sentinel bench peers`` measures every system in the same way: rates by the broker's clock, CPU when warm."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from apps.peers import all_peers
from apps.peers.options import LoopMeasurement
from deploy.bench.peers.in_memory import combine
from deploy.bench.peers.rate_ramp import RateStep, max_rate_within_slo
from deploy.bench.peers.report import throughput_table
from deploy.bench.peers.throughput import ProgressSample, Throughput, compute_throughput
from deploy.bench.peers.virtualenv import python_with
from deploy.errors import OperationError


def sample(at: float, decisions: int, system: float, store: float = 0.0, broker: float = 0.0) -> ProgressSample:
    return ProgressSample(at, decisions, {"peer-0": system, "redis": store, "kafka": broker})


def test_rates_are_of_the_whole_time_and_of_its_second_half() -> None:
    slow_then_fast = np.array([0, 400, 800, 1_000, 1_250, 1_500, 1_750, 2_000], np.float64)
    found = compute_throughput([sample(0, 1, 0), sample(1, 4, 1), sample(2, 8, 2)], slow_then_fast)
    assert found.per_s == 4
    assert found.steady_per_s == 5


def test_the_cpu_of_starting_is_not_counted() -> None:
    samples = [
        sample(0, 1, system=30.0),
        sample(10, 1_001, system=40.0),
        sample(20, 3_001, system=44.0, store=2.0, broker=1.0),
    ]
    found = compute_throughput(samples, np.arange(3_001.0))
    assert found.cpu_us == pytest.approx(2_000)
    assert found.store_us == pytest.approx(1_000)
    assert found.broker_us == pytest.approx(500)
    assert found.busy_cores == pytest.approx(0.6)


def test_the_cpu_of_the_broker_is_not_counted() -> None:
    samples = [sample(0, 1, 0), sample(1, 501, 1.0, 0.5, 0.0), sample(2, 1_001, 1.5, 1.0, 7.0)]
    assert compute_throughput(samples, np.arange(1_001.0)).per_core_per_s == pytest.approx(500)


def test_a_system_that_stops_halfway_has_no_figures() -> None:
    with pytest.raises(OperationError, match="second half"):
        compute_throughput([sample(0, 1, 0), sample(1, 100, 1), sample(2, 100, 2)], np.arange(100.0))


def test_a_rate_that_builds_a_backlog_is_not_within_the_objective() -> None:
    assert max_rate_within_slo([RateStep(500, 20, 80), RateStep(1_000, 30, 250), RateStep(2_000, None, None)]) == 1_000
    assert max_rate_within_slo([RateStep(500, 20, 251)]) == 0


def test_shares_are_of_each_ceilings_rate_per_core() -> None:
    alone, both, other = all_peers()[:3]
    found = {
        alone: Throughput(1, 20_000, 20_000, 1, 50, 0, 0),
        both: Throughput(1, 25_000, 25_000, 2, 80, 0, 0),
        other: Throughput(1, 10_000, 10_000, 2, 150, 50, 10),
    }
    table = throughput_table(found)
    first = table.columns.index(f"of {alone.name}, %")
    assert table.columns[first + 1] == f"of {both.name}, %"
    assert [row[first : first + 2] for row in table.rows] == [[100, 160], [62, 100], [25, 40]]


def test_parallel_processes_took_from_the_first_beginning_to_the_last_end() -> None:
    first = LoopMeasurement(decisions=600, begun=10.0, ended=11.0, cpu_seconds=1.0)
    found = combine([first, LoopMeasurement(decisions=400, begun=10.5, ended=12.0, cpu_seconds=1.0)])
    assert found.per_s == 500
    assert found.busy_cores == 1.0
    assert found.per_core_per_s == pytest.approx(500)


def test_loops_that_decide_nothing_have_no_figures() -> None:
    with pytest.raises(OperationError, match="decided nothing"):
        combine([LoopMeasurement(decisions=0, begun=1.0, ended=2.0, cpu_seconds=1.0)])


def test_a_peer_without_requirements_runs_in_the_project_s_environment() -> None:
    assert python_with((), lambda _: None) == sys.executable
