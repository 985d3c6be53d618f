"""The JobManager dies; with high availability its successor continues its jobs."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class JobManagerKilled(InfrastructureFault):
    def inject(self, target: Target) -> None:
        target.stack.job_manager().process.kill()

    def revert(self, target: Target) -> None:
        target.stack.job_manager().ensure_launched()


FAULT: Fault = JobManagerKilled(
    name="job-manager-killed", description="kill -9 of the JobManager, which is started again a second later"
)
