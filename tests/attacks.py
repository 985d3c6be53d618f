"""Attacks of the simulator, played one by one among a few people."""

from __future__ import annotations

import numpy as np

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import draw_population
from apps.simulator.scenarios import Scenario, Scene
from tests.payments import NOON_MS

START_MS = NOON_MS
PEOPLE = draw_population(np.random.default_rng(1), 200, 500, START_MS)


def played(scenario: Scenario, seed: int) -> list[Payment | Happening]:
    """One attack; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    return list(scenario.play(Scene(rng, PEOPLE, int(rng.integers(0, PEOPLE.users)), START_MS, f"scene-{seed}")))


def plays(scenario: Scenario, count: int) -> list[list[Payment | Happening]]:
    """So many attacks."""
    return [played(scenario, seed) for seed in range(count)]


def frauds(parts: list[Payment | Happening]) -> list[Payment]:
    """The payments of an attack that are fraud."""
    return [part for part in parts if isinstance(part, Payment) and part.fraud is not None]
