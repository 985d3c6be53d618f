"""The broker neither answers nor closes its connections, as in a long pause of its JVM, its disk or its machine."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class BrokerPaused(InfrastructureFault):
    def inject(self, target: Target) -> None:
        process = target.stack.broker().process.find()
        if process is not None:
            process.suspend()

    def revert(self, target: Target) -> None:
        process = target.stack.broker().process.find()
        if process is not None:
            process.resume()


FAULT: Fault = BrokerPaused(
    name="broker-paused", description="the broker is paused for 30 s (SIGSTOP, then SIGCONT)", duration_s=30.0
)
