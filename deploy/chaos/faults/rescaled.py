"""The job is stopped with a savepoint and goes on from it with another parallelism, while payments keep coming."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.job import submission

WITHIN_S = 120.0


class Rescaled(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        job = scene.rest.running(scene.settings.job.name)
        path = scene.rest.stop_with_savepoint(job.id, None, WITHIN_S)
        scene.rest.await_ended(job.id, WITHIN_S)
        parallelism = 1 if scene.settings.job.parallelism > 1 else 2
        of_job = scene.settings.job.model_copy(update={"parallelism": parallelism})
        scene.settings = scene.settings.model_copy(update={"job": of_job})
        submission.submit(scene.settings, savepoint=path)

    def revert(self, scene: Target) -> None:
        """It runs again."""


FAULT: Fault = Rescaled(
    name="rescaled",
    what="stopped with a savepoint and restored from it with one subtask instead of two",
    lasts_s=0.0,
    mixes=False,  # without a JobManager or a broker nobody can ask for a savepoint
)
