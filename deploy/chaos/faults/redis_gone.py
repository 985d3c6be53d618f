"""Redis dies. The job does not use it, so nothing may happen."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class RedisGone(InfrastructureFault):
    def inject(self, target: Target) -> None:
        target.stack.redis().process.kill()

    def revert(self, target: Target) -> None:
        target.stack.redis().ensure_launched()


FAULT: Fault = RedisGone(
    name="redis-gone", description="kill -9 of Redis, which is started again after 5 s", duration_s=5.0
)
