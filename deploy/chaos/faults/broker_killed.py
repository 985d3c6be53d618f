"""The broker dies."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class BrokerKilled(InfrastructureFault):
    def inject(self, target: Target) -> None:
        target.stack.broker().process.kill()

    def revert(self, target: Target) -> None:
        target.stack.broker().ensure_launched()


FAULT: Fault = BrokerKilled(
    name="broker-killed", description="kill -9 of the only broker, which is started again a second later"
)
