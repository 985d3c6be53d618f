"""The broker dies."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class BrokerKilled(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        scene.stack.broker().component.kill()

    def revert(self, scene: Target) -> None:
        part = scene.stack.broker()
        if not part.component.is_running():
            part.launch()


FAULT: Fault = BrokerKilled(
    name="broker-killed", what="kill -9 of the only broker, which is started again a second later"
)
