"""The table of what the stages cost, as several benchmarks show it."""

from __future__ import annotations

from collections.abc import Mapping

from apps.bench.result import Cell, Table
from deploy.clients.stage_metrics import StageCost

STAGE_NOTES = (
    "Stages: microseconds for a transaction, and transactions in a batch. CPU is what the stage's own thread computed "
    "in Python, with reading and writing state; busy is the same by the wall, and so holds waiting for a processor and "
    "for the interpreter, which the stages of a TaskManager share.",
    "The shares are of the task, as Flink counts them: the stage with the gathering before it and the unfolding after "
    "it, in Java. It is idle when those before it give nothing, pushed back when those after it take nothing.",
    "Only payments that name a device pass the device stage; its figures are of all transactions nevertheless.",
)


def stage_table(stages: Mapping[str, StageCost], transactions: int, title: str = "Stages, for a transaction") -> Table:
    """A row for each stage, and one for all of them."""
    columns = ["stage", "CPU us", "busy us", "batches", "a batch", "busy %", "pushed back %", "idle %"]
    rows: list[list[Cell]] = []
    for name, cost in stages.items():
        known = cost.task_busy_ms + cost.back_pressured_ms + cost.idle_ms
        shares = [
            round(100 * part / known) if known else None
            for part in (cost.task_busy_ms, cost.back_pressured_ms, cost.idle_ms)
        ]
        a_batch = transactions / cost.batches if cost.batches else None
        each = [cost.cpu_us / transactions, cost.busy_us / transactions]
        rows.append([name, *each, int(cost.batches), a_batch, *shares])
    totals = [sum(getattr(cost, part) for cost in stages.values()) / transactions for part in ("cpu_us", "busy_us")]
    rows.append(["all stages", *totals, *[None] * 5])
    return Table(title, columns, rows)
