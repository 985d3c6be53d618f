"""The disk of the checkpoints is full."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.stack import disk
from deploy.stack.ephemeral import checkpoint_folder


class CheckpointsFull(InfrastructureFault):
    def inject(self, target: Target) -> None:
        target.notes.append(f"{self.name}: {disk.fill(checkpoint_folder(target.settings))}.")

    def revert(self, target: Target) -> None:
        disk.free(checkpoint_folder(target.settings))


FAULT: Fault = CheckpointsFull(
    name="checkpoints-full", description="the disk of the checkpoints has no free byte for 15 s", duration_s=15.0
)
