"""Synthetic identity: a person who does not exist, a device that many such share, a little history, then a jump."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import HOUR_MS, MINUTE_MS, Scenario, Scene

KIND = "synthetic_identity"
FARMS = 40
"""Devices that all synthetic identities share."""


def play(scene: Scene) -> Iterator[Payment]:
    """Small payments to look alive, then large ones."""
    identity, device = f"syn-{scene.name}", f"dev-farm-{scene.count(1, FARMS)}"
    time = scene.start
    for _ in range(scene.count(2, 4)):
        amount = scene.between(2, 15)
        merchant = scene.merchant(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(scene.between(HOUR_MS / 2, 5 * HOUR_MS))
    for _ in range(scene.count(2, 4)):
        amount = scene.between(400, 1800)
        merchant = scene.merchant(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(scene.between(2 * MINUTE_MS, 20 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.08, play)
