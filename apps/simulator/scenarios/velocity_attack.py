"""Velocity attack: as many payments as possible before the card is blocked."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext

KIND = "velocity_attack"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield eight to sixteen payments within a few minutes, at many merchants."""
    time, device = context.start, context.attacker_device()
    for _ in range(context.integer(8, 16)):
        amount = context.uniform(4, 150)
        yield DraftPayment(
            time,
            context.victim,
            context.target_merchant(online=True),
            amount,
            KIND,
            context.chance(0.15),
            device=device,
            online=True,
        )
        time += int(context.uniform(3_000, 40_000))


SCENARIO = Scenario(KIND, 0.1, generate)
