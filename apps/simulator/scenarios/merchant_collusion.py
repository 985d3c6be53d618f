"""Merchant collusion: a few users pay a few merchants in turn, for goods that are never delivered."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "merchant_collusion"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield payments of a ring of users to a ring of merchants, with round amounts or with usual ones."""
    users = [context.victim, *(context.integer(0, context.population.users - 1) for _ in range(context.integer(2, 3)))]
    merchants = [context.merchant() for _ in range(context.integer(2, 3))]
    time, round_amounts = context.start, context.chance(0.6)
    for turn in range(context.integer(6, 12)):
        amount = 100.0 * context.integer(1, 9) if round_amounts else context.usual_amount(0.5, 3.0)
        yield DraftPayment(time, users[turn % len(users)], merchants[turn % len(merchants)], amount, KIND)
        time += int(context.uniform(4 * MINUTE_MS, 25 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.08, generate)
