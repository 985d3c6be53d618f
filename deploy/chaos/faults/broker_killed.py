"""The broker dies."""

from __future__ import annotations

from deploy.chaos.fault import Disturbance, Fault, Scene


class BrokerKilled(Disturbance):
    def inject(self, scene: Scene) -> None:
        scene.stack.broker().component.kill()

    def heal(self, scene: Scene) -> None:
        part = scene.stack.broker()
        if not part.component.is_running():
            part.launch()


FAULT: Fault = BrokerKilled(
    name="broker-killed", what="kill -9 of the only broker, which is started again a second later"
)
