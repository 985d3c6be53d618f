"""Amount probing: rising amounts, to find the limit of a card."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "amount_probing"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield five to eight payments that begin below 10 and about double; high ones are sometimes declined."""
    time, amount, merchant = context.start, context.uniform(2, 9), context.target_merchant(online=True)
    for _ in range(context.integer(5, 8)):
        yield DraftPayment(
            time, context.victim, merchant, amount, KIND, amount > 400 and context.chance(0.4), online=True
        )
        amount *= context.uniform(1.7, 2.4)
        time += int(context.uniform(MINUTE_MS / 2, 6 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.14, generate)
