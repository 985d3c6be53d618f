"""Part of the scale experiment: the cost of a transaction as the number of users with state grows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from apps.bench.result import Cell, Plot, Table
from apps.bench.uniform_traffic import UniformTraffic
from apps.simulator.sending import SendProgress
from apps.simulator.writing import SimulatedRecord
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.cpu import OTHERS, CpuTimes
from deploy.bench.harness import BenchRun, Report, bench_run
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.simulated_feed import open_feed
from deploy.clients.stage_metrics import settled_stage_costs
from flink_jobs.settings import Settings

_BLOCK = 2_000
_TASK_MANAGERS = "taskmanager"


class ScalingResult(NamedTuple):
    """Figures, table, plot and note about one dimension."""

    figures: dict[str, Cell]
    table: Table
    plot: Plot
    note: str


class UsersCost(NamedTuple):
    """Cost with one number of users.

    Attributes:
        filled_per_s: rate at which the state of all users was filled, transactions per second.
        stages_us: CPU of the stages in Python, microseconds per transaction.
        task_managers_us: CPU of the TaskManagers, microseconds per transaction.
        all_us: CPU of all components, microseconds per transaction.
        state_mib: size of the state in the last checkpoint, MiB; None without a checkpoint.
    """

    filled_per_s: float
    stages_us: float
    task_managers_us: float
    all_us: float
    state_mib: float | None


def scale_users(settings: Settings, transactions: int, values: Sequence[int], report: Report) -> ScalingResult:
    """Measure the CPU of a transaction at each number of users.

    First every user pays once, so that all of them have state; then transactions of random users are measured. The
    cost is CPU, and does not depend on how fast they are sent.
    """
    rows: list[list[Cell]] = []
    stages: list[tuple[float, float]] = []
    task_managers: list[tuple[float, float]] = []
    for users in values:
        report(f"{users:,} users")
        cost = _measure(settings, users, transactions, report)
        rows.append([users, *cost])
        stages.append((users, cost.stages_us))
        task_managers.append((users, cost.task_managers_us))
    title = "Users with state"
    columns = ["users", "filled, /s", "stages in Python, us", "TaskManagers, us", "all components, us", "state, MiB"]
    return ScalingResult(
        {
            "task_managers_grow_with_users_percent": _growth(task_managers),
            "stages_grow_with_users_percent": _growth(stages),
            "most_users": max(values),
        },
        Table(title, columns, rows),
        Plot(
            title,
            "users",
            "CPU, us per transaction",
            {"stages in Python": stages, "TaskManagers": task_managers},
            log_x=True,
        ),
        f"Users: CPU of a transaction; each of {transactions:,} is of a user drawn uniformly, the worst case for the "
        f"cache of {settings.job.cached_profiles:,} decoded profiles in each stage instance: other profiles are read "
        "from RocksDB and decoded. There are five users for each merchant. With few users, each pays more often in the "
        "measured part and has a longer history. State is the size of all state that the last checkpoint refers to.",
    )


def _measure(settings: Settings, users: int, transactions: int, report: Report) -> UsersCost:
    rest = FlinkRest(settings.flink.rest_url)
    with bench_run(settings, start_from="earliest") as run:
        traffic = UniformTraffic(users, users + transactions, time.time_ns() // 1_000_000)
        _send(run, traffic.each_user_once())
        job = run.submit(report)
        begun = time.monotonic()
        run.await_decisions(users, DRAINED_WITHIN_S)
        filled_per_s = users / (time.monotonic() - begun)
        before, cpu_before = settled_stage_costs(rest, job.id), CpuTimes.now(settings)
        _send(run, traffic.random_users(transactions))
        run.await_decisions(users + transactions, DRAINED_WITHIN_S)
        cpu_s = CpuTimes.now(settings).since(cpu_before)
        after = settled_stage_costs(rest, job.id)
        state_bytes = rest.checkpoints(job.id).last_state_bytes
    stages_us = sum(after[name].since(before[name]).cpu_us for name in after)
    task_managers_s = sum(used for name, used in cpu_s.items() if name.startswith(_TASK_MANAGERS))
    return UsersCost(
        filled_per_s,
        stages_us / transactions,
        task_managers_s / transactions * 1e6,
        sum(used for name, used in cpu_s.items() if name != OTHERS) / transactions * 1e6,
        state_bytes / 2**20 if state_bytes is not None else None,
    )


def _send(run: BenchRun, records: Iterable[SimulatedRecord]) -> None:
    feed, sent = open_feed(run.settings), SendProgress()
    block: list[SimulatedRecord] = []
    for record in records:
        block.append(record)
        if len(block) == _BLOCK:
            feed.send(block, sent)
            block.clear()
    feed.send(block, sent)
    feed.close()


def _growth(points: Sequence[tuple[float, float]]) -> float:
    """Growth from the fewest users to the most, percent."""
    ordered = sorted(points)
    return 100 * (ordered[-1][1] / ordered[0][1] - 1)
