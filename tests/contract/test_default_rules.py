"""The contract of every default rule; a new one is tested without being listed here."""

from __future__ import annotations

import pytest

from tests import busy_month
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import default_patterns
from udfs.rules import Mode, Rule, default_rules
from udfs.rules.testing import run_tests

RULES = default_rules(FEATURE_NAMES)

each_rule = pytest.mark.parametrize("rule", RULES.all, ids=lambda rule: rule.id)


@each_rule
def test_its_reason_is_unique_and_follows_from_its_id(rule: Rule) -> None:
    assert rule.reason == f"RULE_{rule.id.upper()}"
    reasons = [one.reason for one in RULES.all] + [pattern.reason for pattern in default_patterns().all]
    assert reasons.count(rule.reason) == 1


@each_rule
def test_it_fires_for_some_payments_and_not_for_most(rule: Rule) -> None:
    fired = [rule.id in decision.rules for decision in busy_month.decided().decisions]
    assert rule.mode is Mode.ACTIVE
    assert 0 < sum(fired) < len(fired) / 2


@each_rule
def test_a_decision_for_which_it_fired_has_its_reason_and_its_part_of_the_score(rule: Rule) -> None:
    thresholds = Thresholds()
    for decision in busy_month.decided().decisions:
        assert (rule.reason in decision.reasons) == (rule.id in decision.rules)
        if rule.id in decision.rules:
            assert decision.score >= (rule.add or rule.at_least or thresholds.floor(rule.action))
            assert decision.versions.rules == RULES.version


def test_a_payment_for_which_nothing_fires_is_approved() -> None:
    unmatched = [one for one in busy_month.decided().decisions if not one.rules and not one.patterns]
    assert unmatched
    assert {(one.action, one.score) for one in unmatched} == {("approve", 0.0)}


@each_rule
def test_it_has_a_test_that_fires_and_one_that_is_silent_and_all_pass(rule: Rule) -> None:
    columns = {name: column for column, name in enumerate(FEATURE_NAMES)}
    assert {test.expect for test in rule.tests} == {"fires", "silent"}
    results = [result for result in run_tests(RULES, columns) if result.rule == rule.id]
    assert len(results) == len(rule.tests)
    assert [result for result in results if not result.passed] == []
