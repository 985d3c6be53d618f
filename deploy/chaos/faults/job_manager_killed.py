"""The JobManager dies; with high availability it goes on with its jobs when it is back."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class JobManagerKilled(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        scene.stack.job_manager().component.kill()

    def revert(self, scene: Target) -> None:
        part = scene.stack.job_manager()
        if not part.component.is_running():
            part.launch()


FAULT: Fault = JobManagerKilled(
    name="job-manager-killed", what="kill -9 of the JobManager, which is started again a second later"
)
