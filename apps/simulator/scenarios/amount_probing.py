"""Amount probing: rising amounts, to find where the limit is."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "amount_probing"


def play(scene: Scene) -> Iterator[Payment]:
    """From under ten upwards, about doubling, until it is refused or enough."""
    time, amount, merchant = scene.start, scene.between(2, 9), scene.shop(online=True)
    for _ in range(scene.count(5, 8)):
        yield Payment(time, scene.victim, merchant, amount, KIND, amount > 400 and scene.chance(0.4), online=True)
        amount *= scene.between(1.7, 2.4)
        time += int(scene.between(MINUTE_MS / 2, 6 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.14, play)
