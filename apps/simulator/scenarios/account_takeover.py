"""Account takeover: somebody gets in, changes what would warn the owner, and pays."""

from __future__ import annotations

from collections.abc import Iterator

from apps.simulator.drafts import Happening, Payment
from apps.simulator.population import FAR_CITIES
from apps.simulator.scenarios.scenario import MINUTE_MS, Scenario, Scene

KIND = "account_takeover"


def play(scene: Scene) -> Iterator[Payment | Happening]:
    """Failed log-ins, a reset, a change, then payments; from a device of theirs, or by remote access to the owner's."""
    time, device = scene.start, scene.device()
    for _ in range(scene.count(1, 4)):
        yield Happening(time, scene.victim, "failed_login", device)
        time += int(scene.between(5_000, MINUTE_MS))
    change = "email_change" if scene.chance(0.5) else "new_payee"
    for kind in ("password_reset", change) if device is None else ("password_reset", "new_device", change):
        yield Happening(time, scene.victim, kind, device)
        time += int(scene.between(MINUTE_MS / 2, 4 * MINUTE_MS))
    abroad = device is not None and scene.chance(0.6)
    city = FAR_CITIES[scene.count(0, len(FAR_CITIES) - 1)] if abroad else None
    for _ in range(scene.count(1, 3)):
        time += int(scene.between(MINUTE_MS, 10 * MINUTE_MS))
        # Who knows what the owner pays stays below what would be asked about.
        amount = scene.between(300, 2500) if scene.chance(0.6) else scene.usual_amount(1.0, 4.0)
        merchant = scene.shop(online=True)
        yield Payment(time, scene.victim, merchant, amount, KIND, city=city, device=device, online=True)


SCENARIO = Scenario(KIND, 0.16, play)
