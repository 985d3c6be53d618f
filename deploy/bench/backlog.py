"""A backlog worked off by the job, and what that took: used by every benchmark that drains one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.bench.latency import Matched
from deploy.bench.cpu import THIS_PROCESS, CpuTrace
from deploy.bench.harness import OTHERS, Bench
from deploy.clients import topics
from deploy.clients.flink_rest import FlinkRest
from deploy.clients.stage_metrics import StageCost, settled_stage_costs
from deploy.stack.stack import silent

DRAINED_WITHIN_S = 1_800.0


@dataclass(frozen=True)
class Drained:
    """What was measured.

    Attributes:
        matched: transactions beside their decisions.
        started_at: when the job began to be submitted, or the backlog was released, epoch milliseconds.
        cpu: CPU seconds of each component from the first decision to the last, of the command that looked
            on, and of others.
        cores_by_second: the same second by second.
        stages: cost of each stage.
    """

    matched: Matched
    started_at: float
    cpu: dict[str, float]
    cores_by_second: dict[str, list[tuple[float, float]]]
    stages: dict[str, StageCost]

    @property
    def decided_at(self) -> NDArray[np.float64]:
        """When each decision was appended, epoch milliseconds, in no order."""
        return self.matched.decided_at

    @property
    def count(self) -> int:
        """Transactions that were decided."""
        return len(self.decided_at)

    @property
    def started_after_s(self) -> float:
        """From the submission, or the release, to the first decision."""
        return (float(self.decided_at.min()) - self.started_at) / 1000

    @property
    def seconds(self) -> float:
        """From the first decision to the last."""
        return float(self.decided_at.max() - self.decided_at.min()) / 1000

    @property
    def per_s(self) -> float:
        """Decisions a second, from the first to the last."""
        return self.count / self.seconds

    @property
    def cores(self) -> float:
        """That all components kept busy meanwhile; without the command that looks on, and without others."""
        return sum(used for name, used in self.cpu.items() if name not in (THIS_PROCESS, OTHERS)) / self.seconds

    @property
    def others_cores(self) -> float:
        """That others on this machine took meanwhile."""
        return self.cpu[OTHERS] / self.seconds

    @property
    def cpu_us_each(self) -> float:
        """CPU of all components for one transaction, microseconds."""
        return self.cores * self.seconds / self.count * 1e6


def drain_backlog(run: Bench, transactions: int, say: Callable[[str], None] = silent) -> Drained:
    """Submit the job to a backlog that is there already, and wait for the last decision.

    Raises:
        OperationError: the decisions are not there in time.
    """
    trace = CpuTrace(run.settings)
    started_at = time.time() * 1000
    with trace.tracing():
        job = run.submit(say)
        run.await_decisions(transactions, DRAINED_WITHIN_S)
    stages = settled_stage_costs(FlinkRest(run.settings.flink.rest_url), job.id)
    matched = run.matched()
    return _drained(matched, started_at, trace, stages)


def drain_next(run: Bench, transactions: int, since_ms: float, release: Callable[[], None]) -> Drained:
    """Let the job that runs, and has decided all there is, see the next backlog at once, and wait until it is through.

    Args:
        run: where it runs.
        transactions: of the backlog.
        since_ms: when the first of them was sent, at the earliest, epoch milliseconds.
        release: lets it see the backlog, which has been sent.

    Raises:
        OperationError: the decisions are not there in time.
    """
    rest = FlinkRest(run.settings.flink.rest_url)
    job = rest.running(run.settings.job.name)
    decided = topics.records(run.settings, run.settings.kafka.topics.decisions)
    before = settled_stage_costs(rest, job.id)
    trace = CpuTrace(run.settings)
    with trace.tracing():
        started_at = time.time() * 1000
        release()
        run.await_decisions(decided + transactions, DRAINED_WITHIN_S)
    stages = settled_stage_costs(rest, job.id)
    matched = run.matched().between(since_ms, math.inf)
    return _drained(matched, started_at, trace, {name: cost.since(before[name]) for name, cost in stages.items()})


def _drained(matched: Matched, started_at: float, trace: CpuTrace, stages: dict[str, StageCost]) -> Drained:
    span = float(matched.decided_at.min()), float(matched.decided_at.max())
    return Drained(matched, started_at, trace.between(*span), trace.cores_by_second(*span), stages)
