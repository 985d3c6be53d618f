"""The job is stopped with a savepoint and restored with another parallelism, while payments keep coming."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.job import submission

SAVEPOINT_WITHIN_S = 120.0


class Rescaled(InfrastructureFault):
    def inject(self, target: Target) -> None:
        job = target.rest.running(target.settings.job.name)
        path = target.rest.stop_with_savepoint(job.id, None, SAVEPOINT_WITHIN_S)
        target.rest.await_ended(job.id, SAVEPOINT_WITHIN_S)
        parallelism = 1 if target.settings.job.parallelism > 1 else 2
        job_settings = target.settings.job.model_copy(update={"parallelism": parallelism})
        target.settings = target.settings.model_copy(update={"job": job_settings})
        submission.submit(target.settings, savepoint=path)

    def revert(self, target: Target) -> None:
        """Do nothing: the job runs again, with another parallelism."""


FAULT: Fault = Rescaled(
    name="rescaled",
    description="stopped with a savepoint and restored from it with one subtask instead of two",
    duration_s=0.0,
    phase="end",
)
