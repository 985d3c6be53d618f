"""What an attack is: a small play with a victim, told from a moment on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import Population

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@dataclass(frozen=True)
class Scene:
    """Where an attack takes place.

    Attributes:
        rng: source of chance.
        people: who there is.
        victim: number of the user.
        start: epoch milliseconds.
        name: tells this attack from all others, for ids of its own.
    """

    rng: np.random.Generator
    people: Population
    victim: int
    start: int
    name: str

    def merchant(self, *, online: bool | None = None) -> int:
        """A merchant by popularity, online only if that is wanted."""
        for _ in range(50):
            found = int(np.searchsorted(self.people.popularity, self.rng.random()))
            if online is None or bool(self.people.online[found]) == online:
                break
        return found

    def between(self, low: float, high: float) -> float:
        """A number, evenly."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return bool(self.rng.random() < share)


@dataclass(frozen=True)
class Scenario:
    """A kind of attack.

    Attributes:
        kind: its name, as in the labels.
        weight: how often it is tried beside the others.
        play: tells one attack in order of time; payments that are part of it carry its kind.
    """

    kind: str
    weight: float
    play: Callable[[Scene], Iterator[Payment | Happening]]
