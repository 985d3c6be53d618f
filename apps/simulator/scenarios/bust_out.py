"""Bust-out: after months of good use the customer drains the credit limit within hours."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "bust_out"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield payments of 5 % to 25 % of the credit limit until 90 % is spent, from the customer's own device."""
    limit, time, spent = float(context.population.credit_limit[context.victim]), context.start, 0.0
    while spent < 0.9:
        share = context.uniform(0.05, 0.25)
        yield DraftPayment(time, context.victim, context.target_merchant(), round(limit * share, 2), KIND)
        spent += share
        time += int(context.uniform(3 * MINUTE_MS, 40 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.06, generate)
