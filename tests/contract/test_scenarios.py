"""What every kind of attack owes, whichever it is: found by looking, so a new file is held to it as well."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import apps.simulator.scenarios
from apps.simulator.drafts import DraftAccountEvent
from apps.simulator.scenarios import SCENARIOS, Scenario
from tests.attacks import PEOPLE, START_MS, frauds, played, plays
from udfs.records.account_event import KINDS
from udfs.records.limits import Limits

TWO_DAYS_MS = 2 * 86_400_000
PLAYS = 60

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.kind)


def test_every_scenario_that_is_written_is_registered_under_the_name_of_its_file() -> None:
    path, package = apps.simulator.scenarios.__path__, "apps.simulator.scenarios."
    modules = {module.name: importlib.import_module(package + module.name) for module in pkgutil.iter_modules(path)}
    written = {name: module.SCENARIO for name, module in modules.items() if hasattr(module, "SCENARIO")}
    assert modules.keys() - written.keys() == {"scenario"}, "a file without SCENARIO plays nothing"
    assert {scenario.kind: scenario for scenario in SCENARIOS} == written
    assert len(SCENARIOS) == len(written)


def test_every_pattern_the_product_finds_is_played() -> None:
    promised = {
        *("card_testing", "amount_probing", "account_takeover", "impossible_travel", "velocity_attack"),
        *("merchant_collusion", "synthetic_identity", "bust_out"),
    }
    assert promised <= {scenario.kind for scenario in SCENARIOS}


@each_scenario
def test_it_is_played_at_all(scenario: Scenario) -> None:
    assert scenario.weight > 0
    assert all(frauds(parts) for parts in plays(scenario, PLAYS))


@each_scenario
def test_its_fraud_carries_its_kind(scenario: Scenario) -> None:
    assert {payment.fraud for parts in plays(scenario, PLAYS) for payment in frauds(parts)} == {scenario.kind}


@each_scenario
def test_it_is_told_in_order_of_time_from_the_start_on_and_is_over_within_two_days(scenario: Scenario) -> None:
    for parts in plays(scenario, PLAYS):
        times = [part.time for part in parts]
        assert times == sorted(times)
        assert times[0] >= START_MS
        assert times[-1] < START_MS + TWO_DAYS_MS


@each_scenario
def test_what_happens_is_something_a_record_can_say(scenario: Scenario) -> None:
    for part in (part for parts in plays(scenario, PLAYS) for part in parts):
        assert 0 <= part.user < PEOPLE.users
        if isinstance(part, DraftAccountEvent):
            assert part.kind in KINDS
        else:
            assert 0 <= part.merchant < PEOPLE.merchants
            assert 0.01 <= part.amount <= Limits().amount


@each_scenario
def test_chance_alone_makes_one_attack_differ_from_another(scenario: Scenario) -> None:
    assert played(scenario, 1) == played(scenario, 1)
    assert played(scenario, 1) != played(scenario, 2)
