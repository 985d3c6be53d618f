"""Velocity attack: as much as possible before the card is stopped."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import Scenario, Scene

KIND = "velocity_attack"


def play(scene: Scene) -> Iterator[Payment]:
    """Many payments within a few minutes, at many merchants."""
    time, device = scene.start, scene.device()
    for _ in range(scene.count(8, 16)):
        amount = scene.between(4, 150)
        yield Payment(
            time,
            scene.victim,
            scene.shop(online=True),
            amount,
            KIND,
            scene.chance(0.15),
            device=device,
            online=True,
        )
        time += int(scene.between(3_000, 40_000))


SCENARIO = Scenario(KIND, 0.1, play)
