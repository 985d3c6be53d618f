"""Synthetic identity: a made-up customer builds a short history, then makes large payments."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftPayment
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import HOUR_MS, MINUTE_MS

KIND = "synthetic_identity"
SHARED_DEVICES = 40
"""Number of devices that most synthetic identities share."""
UNSHARED_DEVICE_SHARE = 0.4
"""Share of identities whose device no other identity uses."""


def generate(context: ScenarioContext) -> Iterator[DraftPayment]:
    """Yield small payments over some hours, then large ones."""
    identity = f"syn-{context.attack_id}"
    device = (
        f"dev-{context.attack_id}"
        if context.chance(UNSHARED_DEVICE_SHARE)
        else f"dev-farm-{context.integer(1, SHARED_DEVICES)}"
    )
    time = context.start
    for _ in range(context.integer(2, 4)):
        amount = context.uniform(2, 15)
        merchant = context.merchant(online=True)
        yield DraftPayment(time, context.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(context.uniform(HOUR_MS / 2, 5 * HOUR_MS))
    for _ in range(context.integer(2, 4)):
        amount = context.uniform(400, 1800) if context.chance(0.6) else context.usual_amount(2.0, 6.0)
        merchant = context.merchant(online=True)
        yield DraftPayment(time, context.victim, merchant, amount, KIND, device=device, online=True, identity=identity)
        time += int(context.uniform(2 * MINUTE_MS, 20 * MINUTE_MS))


SCENARIO = Scenario(KIND, 0.08, generate)
