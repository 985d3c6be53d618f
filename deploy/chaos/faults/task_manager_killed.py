"""A TaskManager dies."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.errors import OperationError
from deploy.stack.service import Service


class TaskManagerKilled(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        """Any of those that work."""
        busy = _busy(scene)
        working = [part for part in _task_managers(scene) if part.component.name in busy]
        scene.rng.choice(working or _task_managers(scene)).component.kill()

    def revert(self, scene: Target) -> None:
        """As systemd or Kubernetes would: it is started again, and nobody waits for it."""
        for part in _task_managers(scene):
            if not part.component.is_running():
                part.launch()


def _busy(scene: Target) -> list[str]:
    try:
        return scene.rest.busy_task_managers()
    except OperationError:
        return []  # the JobManager is away itself


def _task_managers(scene: Target) -> list[Service]:
    numbers = range(1, scene.settings.stack.task_managers + 1)
    return [scene.stack.task_manager(number) for number in numbers]


FAULT: Fault = TaskManagerKilled(
    name="task-manager-killed", what="kill -9 of a TaskManager, which is started again a second later"
)
