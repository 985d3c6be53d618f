"""Drain a backlog with the job, and measure rate, CPU and stage costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.bench.latency import MatchedDecisions
from deploy.bench.cpu import OTHERS, THIS_PROCESS, CpuTrace
from deploy.bench.harness import BenchRun, Report
from deploy.clients.decisions import count_decisions
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.stage_metrics import StageCost, settled_stage_costs

DRAINED_WITHIN_S = 1_800.0


@dataclass(frozen=True)
class DrainResult:
    """Measurements of one drain.

    Attributes:
        matched: transactions of the backlog with their decisions.
        started_at: when the job was submitted, or the backlog was released, epoch milliseconds.
        cpu_s: CPU seconds from the first decision to the last: of each component, of this process, and of all others.
        cores_by_second: busy cores of the same, in each second.
        stage_costs: cost of each stage.
    """

    matched: MatchedDecisions
    started_at: float
    cpu_s: dict[str, float]
    cores_by_second: dict[str, list[tuple[float, float]]]
    stage_costs: dict[str, StageCost]

    @property
    def decided_at(self) -> NDArray[np.float64]:
        """When each decision was appended, epoch milliseconds, unordered."""
        return self.matched.decided_at

    @property
    def count(self) -> int:
        """Number of transactions with a decision."""
        return len(self.decided_at)

    @property
    def started_after_s(self) -> float:
        """Seconds from submission or release to the first decision."""
        return (float(self.decided_at.min()) - self.started_at) / 1000

    @property
    def seconds(self) -> float:
        """Seconds from the first decision to the last."""
        return float(self.decided_at.max() - self.decided_at.min()) / 1000

    @property
    def per_s(self) -> float:
        """Decisions a second, from the first to the last."""
        return self.count / self.seconds

    @property
    def busy_cores(self) -> float:
        """Cores that the components kept busy, without this process and without others."""
        return sum(used for name, used in self.cpu_s.items() if name not in (THIS_PROCESS, OTHERS)) / self.seconds

    @property
    def others_cores(self) -> float:
        """Cores that all other processes of the machine kept busy."""
        return self.cpu_s[OTHERS] / self.seconds

    @property
    def cpu_us_per_transaction(self) -> float:
        """CPU time of all components for one transaction, microseconds."""
        return self.busy_cores * self.seconds / self.count * 1e6


def drain_backlog(run: BenchRun, transactions: int, report: Report) -> DrainResult:
    """Submit the job to a backlog that is already in Kafka, and wait for the last decision.

    Args:
        run: run whose topics hold the backlog.
        transactions: size of the backlog.
        report: shows progress.

    Raises:
        DecisionsMissingError: the backlog is not decided in time.
    """
    trace = CpuTrace(run.settings)
    started_at = time.time() * 1000
    with trace.tracing():
        job = run.submit(report)
        run.await_decisions(transactions, DRAINED_WITHIN_S)
    stage_costs = settled_stage_costs(FlinkRest(run.settings.flink.rest_url), job.id)
    return _drain_result(run.matched(), started_at, trace, stage_costs)


def drain_next_backlog(run: BenchRun, transactions: int, since_ms: float, release: Callable[[], None]) -> DrainResult:
    """Release another backlog to the idle running job, and wait for the last decision.

    Args:
        run: run whose job has decided everything before.
        transactions: size of the backlog.
        since_ms: lower bound for the append times of the backlog, epoch milliseconds.
        release: makes the backlog visible to the job, all at once.

    Raises:
        DecisionsMissingError: the backlog is not decided in time.
    """
    rest = FlinkRest(run.settings.flink.rest_url)
    job = rest.running(run.settings.job.name)
    decided = count_decisions(run.settings)
    before = settled_stage_costs(rest, job.id)
    trace = CpuTrace(run.settings)
    with trace.tracing():
        started_at = time.time() * 1000
        release()
        run.await_decisions(decided + transactions, DRAINED_WITHIN_S)
    after = settled_stage_costs(rest, job.id)
    matched = run.matched().between(since_ms, math.inf)
    return _drain_result(matched, started_at, trace, {name: cost.since(before[name]) for name, cost in after.items()})


def _drain_result(
    matched: MatchedDecisions, started_at: float, trace: CpuTrace, stage_costs: dict[str, StageCost]
) -> DrainResult:
    span = float(matched.decided_at.min()), float(matched.decided_at.max())
    return DrainResult(matched, started_at, trace.between(*span), trace.cores_by_second(*span), stage_costs)
