"""Table of the cost of each stage."""

from __future__ import annotations

from collections.abc import Mapping

from apps.bench.result import Cell, Table
from deploy.clients.stage_metrics import StageCost

STAGE_NOTES = (
    "Stages: microseconds per transaction, and transactions per batch. CPU is the CPU time of the stage's thread in "
    "Python, with reading and writing state. Busy is its wall time, which includes waiting for a core and for the "
    "interpreter lock that the stages of a TaskManager share.",
    "The shares are Flink's figures for the task: the stage in Python with the mini-batching and exploding operators "
    "in Java around it. A task is idle while it has no input, and back-pressured while later tasks accept nothing.",
    "Only payments with a device pass through the device stage; its figures are per transaction of any kind.",
)


def stage_table(stages: Mapping[str, StageCost], transactions: int, title: str = "Stages, per transaction") -> Table:
    """Make a table with a row for each stage, and one for all of them."""
    columns = ["stage", "CPU us", "busy us", "batches", "per batch", "busy %", "back-pressured %", "idle %"]
    rows: list[list[Cell]] = []
    for name, cost in stages.items():
        known = cost.task_busy_ms + cost.back_pressured_ms + cost.idle_ms
        shares = [
            round(100 * part / known) if known else None
            for part in (cost.task_busy_ms, cost.back_pressured_ms, cost.idle_ms)
        ]
        per_batch = transactions / cost.batches if cost.batches else None
        times = [cost.cpu_us / transactions, cost.busy_us / transactions]
        rows.append([name, *times, int(cost.batches), per_batch, *shares])
    totals = [sum(getattr(cost, part) for cost in stages.values()) / transactions for part in ("cpu_us", "busy_us")]
    rows.append(["all stages", *totals, *[None] * 5])
    return Table(title, columns, rows)
