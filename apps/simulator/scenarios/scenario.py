"""What an attack is: a small play with a victim, told from a moment on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import Population

MINUTE_MS = 60_000
KNOWN_DEVICE = 0.4
"""Share of attacks from afar that come by way of the victim's own device: malware, remote access, a stolen phone. Such
shares are not published; with every attacker's device a new one, that alone would tell nearly all of them."""
KNOWN_SHOP = 0.4
"""Share of an attacker's payments where the victim often pays, as the card is stored there."""
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

    def shop(self, *, online: bool | None = None) -> int:
        """Where an attacker pays: one of the victim's usual merchants in a share of cases, else as ``merchant``."""
        if self.chance(KNOWN_SHOP):
            usual = self.people.favourites[self.victim]
            fitting = [int(shop) for shop in usual if online is None or bool(self.people.online[shop]) == online]
            if fitting:
                return fitting[self.count(0, len(fitting) - 1)]
        return self.merchant(online=online)

    def device(self) -> str | None:
        """What an attacker pays with: None for the victim's own device, or the id of one never seen before."""
        return None if self.chance(KNOWN_DEVICE) else f"dev-{self.name}"

    def usual_amount(self, low: float, high: float) -> float:
        """A multiple, between these two, of what the victim usually pays; at least 10 units."""
        return max(10.0, round(float(np.exp(self.people.log_amount[self.victim])) * self.between(low, high), 2))

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
