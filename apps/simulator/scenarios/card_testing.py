"""Card testing: several small payments, often declined, show whether a stolen card works; large ones follow."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "card_testing"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield three to seven tests within about a quarter of an hour, then one to three large payments."""
    time, device = context.start, context.attacker_device()
    for _ in range(context.integer(3, 7)):
        amount = context.uniform(0.3, 4.9)
        yield DraftPayment(
            time,
            context.victim,
            context.merchant(online=True),
            amount,
            KIND,
            context.chance(0.5),
            device=device,
            online=True,
        )
        time += int(context.uniform(5_000, 2 * MINUTE_MS))
    for _ in range(context.integer(1, 3)):
        time += int(context.uniform(MINUTE_MS, 8 * MINUTE_MS))
        amount = context.uniform(150, 900)
        yield DraftPayment(
            time, context.victim, context.target_merchant(online=True), amount, KIND, device=device, online=True
        )


SCENARIO = Scenario(KIND, 0.18, generate)
