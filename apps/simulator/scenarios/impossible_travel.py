"""Impossible travel: the card pays at home, and within the hour a copy of it pays on another continent."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.population import FAR_CITIES
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "impossible_travel"


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield a legitimate payment of the victim, then payments of the copied card in a far city."""
    usual_merchant = int(context.population.favorites[context.victim, 0])
    yield DraftPayment(context.start, context.victim, usual_merchant, context.uniform(5, 60), online=False)
    city = FAR_CITIES[context.integer(0, len(FAR_CITIES) - 1)]
    time = context.start
    for _ in range(context.integer(1, 4)):
        time += int(context.uniform(5 * MINUTE_MS, 25 * MINUTE_MS))
        merchant = context.merchant(online=False)
        yield DraftPayment(time, context.victim, merchant, context.uniform(40, 700), KIND, city=city, online=False)


SCENARIO = Scenario(KIND, 0.14, generate)
