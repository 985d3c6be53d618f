"""The contract of a scenario: a function that yields the payments and account events of one attack on a victim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import Population

VICTIM_DEVICE_SHARE = 0.4
"""Share of remote attacks that use the victim's own device: malware, remote access, a stolen phone.

Such shares are not published. If every attacker used a new device, that alone would reveal nearly all of them.
"""
USUAL_MERCHANT_SHARE = 0.4
"""Share of an attacker's payments at one of the victim's usual merchants, where the card is stored."""


@dataclass(frozen=True)
class ScenarioContext:
    """The victim and the start of one attack, and the random draws that a scenario needs.

    Attributes:
        rng: random generator.
        population: users and merchants.
        victim: number of the user.
        start: time of the first event, epoch milliseconds.
        attack_id: unique id of the attack, for the ids that it makes up.
    """

    rng: np.random.Generator
    population: Population
    victim: int
    start: int
    attack_id: str

    def merchant(self, *, online: bool | None = None) -> int:
        """Draw a merchant by popularity.

        Args:
            online: whether it must sell online only, or must not; None for any merchant.
        """
        for _ in range(50):
            found = int(np.searchsorted(self.population.popularity, self.rng.random()))
            if online is None or bool(self.population.online[found]) == online:
                break
        return found

    def target_merchant(self, *, online: bool | None = None) -> int:
        """Draw the merchant that an attacker pays: often one of the victim's usual ones, else as ``merchant`` does."""
        if self.chance(USUAL_MERCHANT_SHARE):
            usual = self.population.favorites[self.victim]
            fitting = [int(one) for one in usual if online is None or bool(self.population.online[one]) == online]
            if fitting:
                return fitting[self.integer(0, len(fitting) - 1)]
        return self.merchant(online=online)

    def attacker_device(self) -> str | None:
        """Draw the device of a remote attacker: a new id, or None for the victim's own device."""
        return None if self.chance(VICTIM_DEVICE_SHARE) else f"dev-{self.attack_id}"

    def usual_amount(self, low: float, high: float) -> float:
        """Draw a multiple, from ``low`` to ``high``, of the victim's usual amount; at least 10 units."""
        return max(10.0, round(float(np.exp(self.population.log_amount[self.victim])) * self.uniform(low, high), 2))

    def uniform(self, low: float, high: float) -> float:
        """Draw a number from ``low`` to ``high``."""
        return float(self.rng.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Draw True with a probability."""
        return bool(self.rng.random() < probability)


@dataclass(frozen=True)
class Scenario:
    """A kind of attack.

    Attributes:
        kind: its name; the module has the same one.
        weight: relative frequency with which the simulator starts it.
        generate: yields the payments and account events of one attack in order of time. Fraudulent payments carry the
            kind; legitimate payments of the victim may come between them.
    """

    kind: str
    weight: float
    generate: Callable[[ScenarioContext], Iterator[DraftPayment | DraftAccountEvent]]
