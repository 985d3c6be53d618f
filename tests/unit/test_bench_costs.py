"""What was spent where: CPU by process, and by stage."""

from __future__ import annotations

import time
from pathlib import Path

from deploy.bench.cpu import THIS_PROCESS, CpuTrace
from deploy.bench.harness import OTHERS, CpuTimes
from deploy.bench.stage_table import stage_table
from deploy.clients.stage_metrics import StageCost
from flink_jobs.settings import Settings, StackSettings


def test_the_cpu_of_a_span_is_told_for_that_span_alone(tmp_path: Path) -> None:
    trace = CpuTrace(Settings.model_construct(stack=StackSettings(folder=tmp_path)))
    with trace.tracing():
        begun = time.process_time()
        while time.process_time() - begun < 0.3:
            pass
        computed_until = time.time() * 1000
    whole = trace.between(0, computed_until + 60_000)
    assert whole[THIS_PROCESS] >= 0.3
    assert OTHERS in whole
    assert trace.between(computed_until + 60_000, computed_until + 90_000)[THIS_PROCESS] == 0
    by_second = trace.cores_by_second(computed_until - 1_000, computed_until + 3_500)
    assert len(by_second[THIS_PROCESS]) == 4
    assert by_second[THIS_PROCESS][0][1] > by_second[THIS_PROCESS][-1][1] == 0


def test_others_are_what_the_machine_did_and_no_component() -> None:
    before = CpuTimes({"kafka": 1.0}, machine=10.0)
    used = CpuTimes({"kafka": 3.0, "redis": 0.5}, machine=16.0).since(before)
    assert used == {"kafka": 2.0, "redis": 0.5, OTHERS: 3.5}


def test_what_a_stage_did_before_is_taken_off() -> None:
    before = StageCost(busy_us=10, cpu_us=5, batches=1, elements=2)
    after = StageCost(busy_us=110, cpu_us=55, batches=11, elements=22, idle_ms=7)
    assert after.since(before) == StageCost(busy_us=100, cpu_us=50, batches=10, elements=20, idle_ms=7)


def test_the_table_of_stages_is_for_one_transaction_and_adds_up() -> None:
    user = StageCost(busy_us=4_000, cpu_us=2_000, batches=10, task_busy_ms=60, back_pressured_ms=30, idle_ms=10)
    table = stage_table({"user stage": user, "merchant stage": StageCost(busy_us=1_000, cpu_us=500, batches=0)}, 100)
    rows = {str(row[0]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["user stage"] == {
        "stage": "user stage",
        "CPU us": 20,
        "busy us": 40,
        "batches": 10,
        "a batch": 10,
        "busy %": 60,
        "pushed back %": 30,
        "idle %": 10,
    }
    assert rows["merchant stage"]["a batch"] is None
    assert rows["all stages"]["CPU us"] == 25
