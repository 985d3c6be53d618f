"""CPU time by component and by stage, and the sampler behind it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from deploy.bench.cpu import OTHERS, THIS_PROCESS, CpuTimes, CpuTrace
from deploy.bench.sampler import sampling
from deploy.bench.stage_table import stage_table
from deploy.clients.stage_metrics import StageCost
from deploy.errors import OperationError
from flink_jobs.settings import Settings, StackSettings


def test_the_cpu_of_a_span_is_of_that_span_alone(tmp_path: Path) -> None:
    trace = CpuTrace(Settings.model_construct(stack=StackSettings(folder=tmp_path)))
    with trace.tracing():
        begun = time.process_time()
        while time.process_time() - begun < 0.3:
            pass
        computed_until = time.time() * 1000
    of_all = trace.between(0, computed_until + 60_000)
    assert of_all[THIS_PROCESS] >= 0.3
    assert OTHERS in of_all
    assert trace.between(computed_until + 60_000, computed_until + 90_000)[THIS_PROCESS] == 0
    by_second = trace.cores_by_second(computed_until - 1_000, computed_until + 3_500)
    assert len(by_second[THIS_PROCESS]) == 4
    assert by_second[THIS_PROCESS][0][1] > by_second[THIS_PROCESS][-1][1] == 0


def test_probes_are_called_at_both_ends_and_in_between() -> None:
    callers: list[threading.Thread] = []
    in_background = threading.Event()

    def probe() -> None:
        callers.append(threading.current_thread())
        if callers[-1] is not threading.main_thread():
            in_background.set()

    with sampling([probe], every_s=0.01):
        assert in_background.wait(timeout=30)
    assert callers[0] is callers[-1] is threading.main_thread()


def test_a_probe_that_fails_leaves_a_gap_and_stops_no_other() -> None:
    calls: list[int] = []

    def fails() -> None:
        raise OperationError("no answer")

    with sampling([fails, lambda: calls.append(1)], every_s=10):
        pass
    assert len(calls) == 2


def test_others_are_the_cpu_of_the_machine_without_the_components() -> None:
    before = CpuTimes({"kafka": 1.0}, machine=10.0)
    used = CpuTimes({"kafka": 3.0, "redis": 0.5}, machine=16.0).since(before)
    assert used == {"kafka": 2.0, "redis": 0.5, OTHERS: 3.5}


def test_the_cost_before_a_run_is_subtracted() -> None:
    before = StageCost(busy_us=10, cpu_us=5, batches=1, elements=2)
    after = StageCost(busy_us=110, cpu_us=55, batches=11, elements=22, idle_ms=7)
    assert after.since(before) == StageCost(busy_us=100, cpu_us=50, batches=10, elements=20, idle_ms=7)


def test_the_table_of_stages_is_per_transaction_and_adds_up() -> None:
    user = StageCost(busy_us=4_000, cpu_us=2_000, batches=10, task_busy_ms=60, back_pressured_ms=30, idle_ms=10)
    table = stage_table({"user stage": user, "merchant stage": StageCost(busy_us=1_000, cpu_us=500, batches=0)}, 100)
    rows = {str(row[0]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["user stage"] == {
        "stage": "user stage",
        "CPU us": 20,
        "busy us": 40,
        "batches": 10,
        "per batch": 10,
        "busy %": 60,
        "back-pressured %": 30,
        "idle %": 10,
    }
    assert rows["merchant stage"]["per batch"] is None
    assert rows["all stages"]["CPU us"] == 25
