"""Single attacks of the simulator's scenarios, in a small population."""

from __future__ import annotations

import numpy as np

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import draw_population
from apps.simulator.scenarios import Scenario, ScenarioContext
from tests.payments import NOON_MS

START_MS = NOON_MS
POPULATION = draw_population(np.random.default_rng(1), 200, 500, START_MS)


def attack(scenario: Scenario, seed: int) -> list[DraftPayment | DraftAccountEvent]:
    """Generate one attack; the same seed gives the same attack."""
    rng = np.random.default_rng(seed)
    return list(
        scenario.generate(
            ScenarioContext(rng, POPULATION, int(rng.integers(0, POPULATION.users)), START_MS, f"attack-{seed}")
        )
    )


def attacks(scenario: Scenario, count: int) -> list[list[DraftPayment | DraftAccountEvent]]:
    """Generate ``count`` attacks."""
    return [attack(scenario, seed) for seed in range(count)]


def frauds(drafts: list[DraftPayment | DraftAccountEvent]) -> list[DraftPayment]:
    """Select the fraudulent payments of an attack."""
    return [draft for draft in drafts if isinstance(draft, DraftPayment) and draft.fraud is not None]
