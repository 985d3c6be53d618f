"""Merchant collusion: a few users pay a few merchants in turn, for goods that nobody gets."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "merchant_collusion"


def play(scene: Scene) -> Iterator[Payment]:
    """A ring of users going round a ring of merchants, with round amounts or such as they usually pay."""
    users = [scene.victim, *(scene.count(0, scene.people.users - 1) for _ in range(scene.count(2, 3)))]
    merchants = [scene.merchant() for _ in range(scene.count(2, 3))]
    time, round_ones = scene.start, scene.chance(0.6)
    for turn in range(scene.count(6, 12)):
        amount = 100.0 * scene.count(1, 9) if round_ones else scene.usual_amount(0.5, 3.0)
        yield Payment(time, users[turn % len(users)], merchants[turn % len(merchants)], amount, KIND)
        time += int(scene.between(4 * MINUTE_MS, 25 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.08, play)
