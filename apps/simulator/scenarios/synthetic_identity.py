"""Synthetic identity: nobody of that name, a device that many such share or a clean one, some history, then a jump."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import HOUR_MS, MINUTE_MS, Scenario, Scene

KIND = "synthetic_identity"
FARMS = 40
"""Devices that most synthetic identities share."""
CLEAN_DEVICE = 0.4
"""Share of identities with a device of their own, as every new customer has."""


def play(scene: Scene) -> Iterator[Payment]:
    """Small payments to look alive, then large ones."""
    identity = f"syn-{scene.name}"
    device = f"dev-{scene.name}" if scene.chance(CLEAN_DEVICE) else f"dev-farm-{scene.count(1, FARMS)}"
    time = scene.start
    for _ in range(scene.count(2, 4)):
        amount = scene.between(2, 15)
        merchant = scene.merchant(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(scene.between(HOUR_MS / 2, 5 * HOUR_MS))
    for _ in range(scene.count(2, 4)):
        amount = scene.between(400, 1800) if scene.chance(0.6) else scene.usual_amount(2.0, 6.0)
        merchant = scene.merchant(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(scene.between(2 * MINUTE_MS, 20 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.08, play)
