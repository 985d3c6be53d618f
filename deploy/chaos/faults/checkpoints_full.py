"""The disk of the checkpoints is full."""

from __future__ import annotations

from deploy.chaos.fault import Disturbance, Fault, Scene
from deploy.stack import disk
from deploy.stack.ephemeral import checkpoints


class CheckpointsFull(Disturbance):
    def inject(self, scene: Scene) -> None:
        scene.notes.append(f"{self.name}: {disk.fill(checkpoints(scene.settings))}.")

    def heal(self, scene: Scene) -> None:
        disk.free(checkpoints(scene.settings))


FAULT: Fault = CheckpointsFull(
    name="checkpoints-full", what="no byte is free where checkpoints go, for 15 s", lasts_s=15.0
)
