"""What each stage of the job that runs has cost so far, from the counters of ``flink_jobs.operator_metrics``."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from deploy.clients.flink_rest import FlinkRest
from udfs.names import Uid

STAGES = (Uid.USER_STAGE, Uid.DEVICE_STAGE, Uid.MERCHANT_STAGE)
_ASKED_EVERY_S = 10.5
_ANSWERED_WITHIN_S = 2.0
_COUNTERS = ("busy_us", "cpu_us", "batches", "gathered")
_TASK = {
    "accumulateBusyTimeMs": "task_busy_ms",
    "accumulateBackPressuredTimeMs": "back_pressured_ms",
    "accumulateIdleTimeMs": "idle_ms",
}


@dataclass(frozen=True)
class StageCost:
    """Sums over the subtasks since the job started.

    Attributes:
        busy_us: the stage at work, by the wall, microseconds.
        cpu_us: of those, computed by its own thread.
        batches: that it was given.
        gathered: elements in them: records, or handoffs of other stages.
        task_busy_ms: the task that the stage and its gathering share, at work, milliseconds.
        back_pressured_ms: that task, waiting for those after it.
        idle_ms: that task, waiting for those before it.
    """

    busy_us: float = 0.0
    cpu_us: float = 0.0
    batches: float = 0.0
    gathered: float = 0.0
    task_busy_ms: float = 0.0
    back_pressured_ms: float = 0.0
    idle_ms: float = 0.0

    def since(self, before: StageCost) -> StageCost:
        """What has been added since ``before``."""
        return StageCost(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


def settled_stage_costs(rest: FlinkRest, job_id: str) -> dict[str, StageCost]:
    """Cost of what was done before the call, but for the last quarter of a second; it takes twelve seconds.

    The JobManager asks the TaskManagers when it is asked, but not more often than every ten seconds, and answers
    before they have.
    """
    time.sleep(_ASKED_EVERY_S)
    read_stage_costs(rest, job_id)
    time.sleep(_ANSWERED_WITHIN_S)
    return read_stage_costs(rest, job_id)


def read_stage_costs(rest: FlinkRest, job_id: str) -> dict[str, StageCost]:
    """Cost by stage, ``user stage`` first, some seconds old; a stage that tells nothing yet has cost nothing."""
    vertices = rest.job(job_id).vertices
    found = {}
    for uid in STAGES:
        name = uid.value.replace("-", " ")
        scope = uid.value.replace("-", "_")
        wanted = {f"{scope}.{counter}": counter for counter in _COUNTERS} | _TASK
        vertex = next((vertex for vertex in vertices if f" {name} " in f" {vertex.name} "), None)
        told = rest.metrics(job_id, vertex.id, wanted) if vertex is not None else {}
        found[name] = StageCost(**{wanted[metric]: value for metric, value in told.items()})
    return found
