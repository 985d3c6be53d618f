"""The disk of the checkpoints is full."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.stack import disk
from deploy.stack.ephemeral import checkpoints


class CheckpointsFull(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        scene.notes.append(f"{self.name}: {disk.fill(checkpoints(scene.settings))}.")

    def revert(self, scene: Target) -> None:
        disk.free(checkpoints(scene.settings))


FAULT: Fault = CheckpointsFull(
    name="checkpoints-full", what="no byte is free where checkpoints go, for 15 s", lasts_s=15.0
)
