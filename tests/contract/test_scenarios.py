"""Contract of every scenario: the tests find the modules, so they check a new one as well."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import apps.simulator.scenarios
from apps.simulator.drafts import DraftAccountEvent
from apps.simulator.scenarios import SCENARIOS, Scenario
from state.kernel.times import DAY_MS
from tests.attacks import POPULATION, START_MS, attack, attacks, frauds
from udfs.records.account_event import KINDS
from udfs.records.limits import Limits

ATTACKS = 60

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.kind)


def test_every_module_is_a_scenario_of_the_same_name() -> None:
    path, package = apps.simulator.scenarios.__path__, "apps.simulator.scenarios."
    modules = {module.name: importlib.import_module(package + module.name) for module in pkgutil.iter_modules(path)}
    written = {name: module.SCENARIO for name, module in modules.items() if hasattr(module, "SCENARIO")}
    assert modules.keys() - written.keys() == {"scenario"}, "a module without SCENARIO generates nothing"
    assert {scenario.kind: scenario for scenario in SCENARIOS} == written
    assert len(SCENARIOS) == len(written)


def test_every_pattern_that_the_product_detects_has_a_scenario() -> None:
    promised = {
        *("card_testing", "amount_probing", "account_takeover", "impossible_travel", "velocity_attack"),
        *("merchant_collusion", "synthetic_identity", "bust_out"),
    }
    assert promised <= {scenario.kind for scenario in SCENARIOS}


@each_scenario
def test_it_generates_fraud(scenario: Scenario) -> None:
    assert scenario.weight > 0
    assert all(frauds(drafts) for drafts in attacks(scenario, ATTACKS))


@each_scenario
def test_its_fraud_carries_its_kind(scenario: Scenario) -> None:
    assert {payment.fraud for drafts in attacks(scenario, ATTACKS) for payment in frauds(drafts)} == {scenario.kind}


@each_scenario
def test_it_runs_in_order_of_time_from_its_start_and_ends_within_two_days(scenario: Scenario) -> None:
    for drafts in attacks(scenario, ATTACKS):
        times = [draft.time for draft in drafts]
        assert times == sorted(times)
        assert times[0] >= START_MS
        assert times[-1] < START_MS + 2 * DAY_MS


@each_scenario
def test_everything_it_generates_fits_into_a_record(scenario: Scenario) -> None:
    for draft in (draft for drafts in attacks(scenario, ATTACKS) for draft in drafts):
        assert 0 <= draft.user < POPULATION.users
        if isinstance(draft, DraftAccountEvent):
            assert draft.kind in KINDS
        else:
            assert 0 <= draft.merchant < POPULATION.merchants
            assert 0.01 <= draft.amount <= Limits().amount


@each_scenario
def test_chance_alone_makes_one_attack_differ_from_another(scenario: Scenario) -> None:
    assert attack(scenario, 1) == attack(scenario, 1)
    assert attack(scenario, 1) != attack(scenario, 2)
