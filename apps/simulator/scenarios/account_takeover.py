"""Account takeover: an attacker logs in, changes the contact data of the account, and pays."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import DraftAccountEvent, DraftPayment
from apps.simulator.population import FAR_CITIES
from apps.simulator.scenarios.scenario import Scenario, ScenarioContext
from state.kernel.times import MINUTE_MS

KIND = "account_takeover"


def generate(context: ScenarioContext) -> Iterator[DraftPayment | DraftAccountEvent]:
    """Yield failed logins, a password reset and a change, then payments, from a new device or the victim's."""
    time, device = context.start, context.attacker_device()
    for _ in range(context.integer(1, 4)):
        yield DraftAccountEvent(time, context.victim, "failed_login", device)
        time += int(context.uniform(5_000, MINUTE_MS))
    change = "email_change" if context.chance(0.5) else "new_payee"
    for kind in ("password_reset", change) if device is None else ("password_reset", "new_device", change):
        yield DraftAccountEvent(time, context.victim, kind, device)
        time += int(context.uniform(MINUTE_MS / 2, 4 * MINUTE_MS))
    abroad = device is not None and context.chance(0.6)
    city = FAR_CITIES[context.integer(0, len(FAR_CITIES) - 1)] if abroad else None
    for _ in range(context.integer(1, 3)):
        time += int(context.uniform(MINUTE_MS, 10 * MINUTE_MS))
        # An attacker who knows the victim's usual amounts avoids a step-up check.
        amount = context.uniform(300, 2500) if context.chance(0.6) else context.usual_amount(1.0, 4.0)
        merchant = context.target_merchant(online=True)
        yield DraftPayment(time, context.victim, merchant, amount, KIND, city=city, device=device, online=True)


SCENARIO = Scenario(KIND, 0.16, generate)
