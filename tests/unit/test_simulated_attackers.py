"""No single sign reveals an attacker: many use the victim's device and merchants, at the victim's hours.

Tolerances are four standard errors of a binomial share of the independent attacks.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.simulator.drafts import DraftAccountEvent
from apps.simulator.scenarios import SCENARIOS
from apps.simulator.scenarios.scenario import USUAL_MERCHANT_SHARE, VICTIM_DEVICE_SHARE
from apps.simulator.scenarios.synthetic_identity import UNSHARED_DEVICE_SHARE
from apps.simulator.simulator import Simulator, SimulatorOptions
from state.kernel.times import HOUR_MS
from tests.attacks import POPULATION, START_MS, attacks, frauds

NIGHT_MS = START_MS - 9 * HOUR_MS
ATTACKS = 400
BY_KIND = {scenario.kind: scenario for scenario in SCENARIOS}
REMOTE = ("account_takeover", "card_testing", "velocity_attack")
WITHOUT_A_DEVICE = ("bust_out", "merchant_collusion", "impossible_travel", "amount_probing")


def four_errors(share: float, count: int = ATTACKS) -> float:
    return 4 * math.sqrt(share * (1 - share) / count)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_share_of_remote_attacks_uses_the_victims_own_device(kind: str) -> None:
    devices = [{draft.device for draft in drafts} for drafts in attacks(BY_KIND[kind], ATTACKS)]
    assert all(len(each) == 1 for each in devices), "an attack changes its device"
    with_their_device = sum(each == {None} for each in devices)
    assert with_their_device / ATTACKS == pytest.approx(VICTIM_DEVICE_SHARE, abs=four_errors(VICTIM_DEVICE_SHARE))


@pytest.mark.parametrize("kind", WITHOUT_A_DEVICE)
def test_fraud_with_the_card_at_hand_uses_no_other_device(kind: str) -> None:
    assert {payment.device for drafts in attacks(BY_KIND[kind], ATTACKS) for payment in frauds(drafts)} == {None}


def test_only_an_attacker_with_a_new_device_is_announced_and_may_be_abroad() -> None:
    for drafts in attacks(BY_KIND["account_takeover"], ATTACKS):
        announced = any(isinstance(draft, DraftAccountEvent) and draft.kind == "new_device" for draft in drafts)
        assert announced == all(payment.device is not None for payment in frauds(drafts))
        assert announced or all(payment.city is None for payment in frauds(drafts))


def test_a_share_of_synthetic_identities_does_not_share_its_device() -> None:
    devices = [frauds(drafts)[0].device or "" for drafts in attacks(BY_KIND["synthetic_identity"], ATTACKS)]
    unshared = [device for device in devices if not device.startswith("dev-farm-")]
    assert len(set(unshared)) == len(unshared)
    assert len(unshared) / ATTACKS == pytest.approx(UNSHARED_DEVICE_SHARE, abs=four_errors(UNSHARED_DEVICE_SHARE))


def test_attackers_often_pay_at_a_usual_merchant_of_the_victim() -> None:
    payments = [payment for drafts in attacks(BY_KIND["bust_out"], ATTACKS) for payment in frauds(drafts)]
    usual = sum(payment.merchant in POPULATION.favorites[payment.user] for payment in payments)
    # A merchant drawn by popularity may be a usual one by chance.
    assert (
        USUAL_MERCHANT_SHARE - four_errors(USUAL_MERCHANT_SHARE) < usual / len(payments) < USUAL_MERCHANT_SHARE + 0.15
    )


@pytest.mark.parametrize("kind", ["account_takeover", "merchant_collusion", "synthetic_identity"])
def test_amounts_are_often_within_the_usual_range_of_the_victim(kind: str) -> None:
    payments = [payment for drafts in attacks(BY_KIND[kind], ATTACKS) for payment in frauds(drafts)]
    usual = [payment.amount <= 4 * np.exp(POPULATION.log_amount[payment.user]) for payment in payments]
    assert 0.1 < sum(usual) / len(payments) < 0.9


def test_at_night_the_victims_are_often_users_who_are_active_at_night() -> None:
    """One user in 25 is active at night: without regard to the hour, 4 % of the victims would be."""
    simulator = Simulator(SimulatorOptions(seed=3, start=NIGHT_MS, rate=20.0, fraud_rate=0.3))
    night_users = {f"user-{number}".encode() for number in simulator.population.by_activity_type[2][0].tolist()}
    # Without collusion rings, of which only one member is drawn so, and synthetic identities.
    victims = {
        record.key
        for record in simulator.block(6_000)
        if record.fraud not in (None, "merchant_collusion") and record.key.startswith(b"user-")
    }
    assert len(victims & night_users) / len(victims) > 0.15
