"""Account takeover: somebody gets in, changes what would warn the owner, and pays."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import FAR_CITIES
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "account_takeover"


def play(scene: Scene) -> Iterator[Payment | Happening]:
    """Failed log-ins, a reset from a new device, a change, then high payments from there."""
    time, device = scene.start, f"dev-{scene.name}"
    for _ in range(scene.count(1, 4)):
        yield Happening(time, scene.victim, "failed_login", device)
        time += int(scene.between(5_000, MINUTE_MS))
    for kind in ("password_reset", "new_device", "email_change" if scene.chance(0.5) else "new_payee"):
        yield Happening(time, scene.victim, kind, device)
        time += int(scene.between(MINUTE_MS / 2, 4 * MINUTE_MS))
    city = FAR_CITIES[scene.count(0, len(FAR_CITIES) - 1)] if scene.chance(0.6) else None
    for _ in range(scene.count(1, 3)):
        time += int(scene.between(MINUTE_MS, 10 * MINUTE_MS))
        amount = scene.between(300, 2500)
        merchant = scene.merchant(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, city=city, device=device, online=True)


SCENARIO = Scenario(KIND, 0.16, play)
