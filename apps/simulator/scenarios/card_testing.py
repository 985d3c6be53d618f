"""Card testing: several small payments, often declined, to see whether a stolen card works, then large ones."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "card_testing"


def play(scene: Scene) -> Iterator[Payment]:
    """Tests within a quarter of an hour, the harvest within the next."""
    time, device = scene.start, scene.device()
    for _ in range(scene.count(3, 7)):
        amount = scene.between(0.3, 4.9)
        yield Payment(
            time, scene.victim, scene.merchant(online=True), amount, KIND, scene.chance(0.5), device=device, online=True
        )
        time += int(scene.between(5_000, 2 * MINUTE_MS))
    for _ in range(scene.count(1, 3)):
        time += int(scene.between(MINUTE_MS, 8 * MINUTE_MS))
        amount = scene.between(150, 900)
        yield Payment(time, scene.victim, scene.shop(online=True), amount, KIND, device=device, online=True)


SCENARIO = Scenario(KIND, 0.18, play)
