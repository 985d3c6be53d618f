"""Impossible travel: the card is at home, and within the hour it is at a till on another continent."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.population import FAR_CITIES
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "impossible_travel"


def play(scene: Scene) -> Iterator[Payment]:
    """The owner's own payment, which is no fraud, then those of the copied card."""
    own = int(scene.people.favourites[scene.victim, 0])
    yield Payment(scene.start, scene.victim, own, scene.between(5, 60), online=False)
    city = FAR_CITIES[scene.count(0, len(FAR_CITIES) - 1)]
    time = scene.start
    for _ in range(scene.count(1, 4)):
        time += int(scene.between(5 * MINUTE_MS, 25 * MINUTE_MS))
        merchant = scene.merchant(online=False)
        yield Payment(time, scene.victim, merchant, scene.between(40, 700), KIND, city=city, online=False)


SCENARIO = Scenario(KIND, 0.14, play)
