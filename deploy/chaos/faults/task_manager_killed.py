"""A TaskManager dies."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.errors import OperationError
from deploy.stack.service import Service


class TaskManagerKilled(InfrastructureFault):
    def inject(self, target: Target) -> None:
        """Kill one of the TaskManagers that run tasks."""
        busy = _busy(target)
        candidates = [each for each in _task_managers(target) if each.process.name in busy]
        target.rng.choice(candidates or _task_managers(target)).process.kill()

    def revert(self, target: Target) -> None:
        """Start it again as systemd or Kubernetes would, without waiting for it."""
        for task_manager in _task_managers(target):
            task_manager.ensure_launched()


def _busy(target: Target) -> list[str]:
    try:
        return target.rest.busy_task_managers()
    except OperationError:
        return []  # the JobManager is down as well


def _task_managers(target: Target) -> list[Service]:
    numbers = range(1, target.settings.stack.task_managers + 1)
    return [target.stack.task_manager(number) for number in numbers]


FAULT: Fault = TaskManagerKilled(
    name="task-manager-killed", description="kill -9 of a TaskManager, which is started again a second later"
)
