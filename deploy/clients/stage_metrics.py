"""The cost of each stage of a running job, from the counters of ``flink_jobs.operator_metrics``."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from deploy.clients.flink_rest import FlinkRest
from udfs.names import Uid

STAGES = (Uid.USER_STAGE, Uid.DEVICE_STAGE, Uid.MERCHANT_STAGE)
_REFRESH_S = 10.5
_ANSWERED_WITHIN_S = 2.0
# Fields of StageCost by name of the metric.
_COUNTERS = {"busy_us": "busy_us", "cpu_us": "cpu_us", "batches": "batches", "gathered": "elements"}
_TASK_METRICS = {
    "accumulateBusyTimeMs": "task_busy_ms",
    "accumulateBackPressuredTimeMs": "back_pressured_ms",
    "accumulateIdleTimeMs": "idle_ms",
}


@dataclass(frozen=True)
class StageCost:
    """Sums over the subtasks since the job started.

    Attributes:
        busy_us: time in which the stage processed batches, microseconds of the wall clock.
        cpu_us: CPU time of its thread meanwhile, microseconds.
        batches: number of batches.
        elements: number of elements in them: records, or messages of other stages.
        task_busy_ms: time in which the task of the stage and its mini-batch operator was busy, milliseconds.
        back_pressured_ms: time in which the task waited for tasks after it, milliseconds.
        idle_ms: time in which the task waited for input, milliseconds.
    """

    busy_us: float = 0.0
    cpu_us: float = 0.0
    batches: float = 0.0
    elements: float = 0.0
    task_busy_ms: float = 0.0
    back_pressured_ms: float = 0.0
    idle_ms: float = 0.0

    def since(self, before: StageCost) -> StageCost:
        """Subtract an earlier reading."""
        return StageCost(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


def settled_stage_costs(rest: FlinkRest, job_id: str) -> dict[str, StageCost]:
    """Read costs that cover all work up to a quarter of a second before the call; takes twelve seconds.

    A request makes the JobManager refresh its metrics, at most every ten seconds, but is answered with the old values.
    """
    time.sleep(_REFRESH_S)
    read_stage_costs(rest, job_id)
    time.sleep(_ANSWERED_WITHIN_S)
    return read_stage_costs(rest, job_id)


def read_stage_costs(rest: FlinkRest, job_id: str) -> dict[str, StageCost]:
    """Read the cost of each stage, ``user stage`` first, up to ten seconds old; zero where there is no metric yet."""
    vertices = rest.job(job_id).vertices
    found = {}
    for uid in STAGES:
        name = uid.value.replace("-", " ")
        scope = uid.value.replace("-", "_")
        field_of = {f"{scope}.{counter}": name for counter, name in _COUNTERS.items()} | _TASK_METRICS
        vertex = next((vertex for vertex in vertices if f" {name} " in f" {vertex.name} "), None)
        metrics = rest.metrics(job_id, vertex.id, field_of) if vertex is not None else {}
        found[name] = StageCost(**{field_of[metric]: value for metric, value in metrics.items()})
    return found
