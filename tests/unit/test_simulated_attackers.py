"""Attackers do not give themselves away by one thing: many use what the victim uses, where and when the victim does.

Tolerances are four standard errors of a binomial share of as many independent attacks as are played.
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
from tests.attacks import PEOPLE, START_MS, frauds, plays

NIGHT_MS = START_MS - 9 * HOUR_MS
PLAYS = 400
BY_KIND = {scenario.kind: scenario for scenario in SCENARIOS}
FROM_AFAR = ("account_takeover", "card_testing", "velocity_attack")
AS_THEMSELVES = ("bust_out", "merchant_collusion", "impossible_travel", "amount_probing")


def four_errors(share: float, count: int = PLAYS) -> float:
    return 4 * math.sqrt(share * (1 - share) / count)


@pytest.mark.parametrize("kind", FROM_AFAR)
def test_a_share_of_attacks_from_afar_comes_by_way_of_the_victims_own_device(kind: str) -> None:
    devices = [{part.device for part in parts} for parts in plays(BY_KIND[kind], PLAYS)]
    assert all(len(each) == 1 for each in devices), "an attack changes its device on the way"
    own = sum(each == {None} for each in devices)
    assert own / PLAYS == pytest.approx(VICTIM_DEVICE_SHARE, abs=four_errors(VICTIM_DEVICE_SHARE))


@pytest.mark.parametrize("kind", AS_THEMSELVES)
def test_who_defrauds_with_the_card_in_hand_has_no_other_device(kind: str) -> None:
    assert {payment.device for parts in plays(BY_KIND[kind], PLAYS) for payment in frauds(parts)} == {None}


def test_only_who_brings_a_device_is_announced_as_a_new_one_and_may_be_abroad() -> None:
    for parts in plays(BY_KIND["account_takeover"], PLAYS):
        announced = any(isinstance(part, DraftAccountEvent) and part.kind == "new_device" for part in parts)
        assert announced == all(payment.device is not None for payment in frauds(parts))
        assert announced or all(payment.city is None for payment in frauds(parts))


def test_a_share_of_identities_that_do_not_exist_has_a_device_of_its_own() -> None:
    devices = [frauds(parts)[0].device or "" for parts in plays(BY_KIND["synthetic_identity"], PLAYS)]
    clean = [device for device in devices if not device.startswith("dev-farm-")]
    assert len(set(clean)) == len(clean)
    assert len(clean) / PLAYS == pytest.approx(UNSHARED_DEVICE_SHARE, abs=four_errors(UNSHARED_DEVICE_SHARE))


def test_goods_are_often_bought_where_the_victim_is_a_customer() -> None:
    payments = [payment for parts in plays(BY_KIND["bust_out"], PLAYS) for payment in frauds(parts)]
    usual = sum(payment.merchant in PEOPLE.favorites[payment.user] for payment in payments)
    # A merchant that is drawn by popularity may be a usual one by chance.
    assert (
        USUAL_MERCHANT_SHARE - four_errors(USUAL_MERCHANT_SHARE) < usual / len(payments) < USUAL_MERCHANT_SHARE + 0.15
    )


@pytest.mark.parametrize("kind", ["account_takeover", "merchant_collusion", "synthetic_identity"])
def test_amounts_are_often_such_as_the_victim_pays(kind: str) -> None:
    payments = [payment for parts in plays(BY_KIND[kind], PLAYS) for payment in frauds(parts)]
    usual = [payment.amount <= 4 * np.exp(PEOPLE.log_amount[payment.user]) for payment in payments]
    assert 0.1 < sum(usual) / len(payments) < 0.9


def test_at_night_it_is_often_people_of_the_night_who_are_robbed() -> None:
    """One user in twenty-five is up then; were hours no matter, 4 % of the victims would be."""
    simulator = Simulator(SimulatorOptions(seed=3, start=NIGHT_MS, rate=20.0, fraud_rate=0.3))
    night = {f"user-{number}".encode() for number in simulator.population.by_activity_type[2][0].tolist()}
    # Not rings, of whose members only one is drawn so, nor people that nobody is.
    robbed = {
        record.key
        for record in simulator.block(6_000)
        if record.fraud not in (None, "merchant_collusion") and record.key.startswith(b"user-")
    }
    assert len(robbed & night) / len(robbed) > 0.15
