"""Bust-out: months of good use, then the limit is drained within hours."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Payment
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "bust_out"


def play(scene: Scene) -> Iterator[Payment]:
    """Shares of the credit limit, one after the other, until it is gone; from the phone and at the shops as ever."""
    limit, time, spent = float(scene.people.credit_limit[scene.victim]), scene.start, 0.0
    while spent < 0.9:
        share = scene.between(0.05, 0.25)
        yield Payment(time, scene.victim, scene.shop(), round(limit * share, 2), KIND)
        spent += share
        time += int(scene.between(3 * MINUTE_MS, 40 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.06, play)
