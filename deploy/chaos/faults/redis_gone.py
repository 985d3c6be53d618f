"""Redis dies. The job does not use it: nothing may happen."""

from __future__ import annotations

from deploy.chaos.fault import Fault, InfrastructureFault, Target


class RedisGone(InfrastructureFault):
    def inject(self, scene: Target) -> None:
        scene.stack.redis().component.kill()

    def revert(self, scene: Target) -> None:
        part = scene.stack.redis()
        if not part.component.is_running():
            part.launch()


FAULT: Fault = RedisGone(name="redis-gone", what="kill -9 of Redis, which stays away for 5 s", lasts_s=5.0)
