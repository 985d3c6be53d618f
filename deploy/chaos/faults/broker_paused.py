"""The broker neither answers nor closes its connections: a long pause of its JVM, of its disk or of its machine."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class BrokerPaused(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        process = scene.stack.broker().component.process()
        if process is not None:
            process.suspend()

    def revert(self, scene: Target) -> None:
        process = scene.stack.broker().component.process()
        if process is not None:
            process.resume()


FAULT: Fault = BrokerPaused(
    name="broker-paused", what="the broker is stopped for 30 s (SIGSTOP) and goes on (SIGCONT)", lasts_s=30.0
)
