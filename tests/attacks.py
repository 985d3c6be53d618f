"""Attacks of the simulator, played one by one among a few people."""

from __future__ import annotations

import numpy as np

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import draw_population
from apps.simulator.scenarios import Scenario, ScenarioContext
from tests.payments import NOON_MS

START_MS = NOON_MS
PEOPLE = draw_population(np.random.default_rng(1), 200, 500, START_MS)


def played(scenario: Scenario, seed: int) -> list[DraftPayment | DraftAccountEvent]:
    """One attack; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    return list(
        scenario.generate(ScenarioContext(rng, PEOPLE, int(rng.integers(0, PEOPLE.users)), START_MS, f"scene-{seed}"))
    )


def plays(scenario: Scenario, count: int) -> list[list[DraftPayment | DraftAccountEvent]]:
    """So many attacks."""
    return [played(scenario, seed) for seed in range(count)]


def frauds(parts: list[DraftPayment | DraftAccountEvent]) -> list[DraftPayment]:
    """The payments of an attack that are fraud."""
    return [part for part in parts if isinstance(part, DraftPayment) and part.fraud is not None]
