"""What every ready rule owes, whichever it is: found in the set, so a new one is held to it without being named."""

from __future__ import annotations

import pytest

from tests import busy_month
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import default_patterns
from udfs.rules import Rule, default_rules

RULES = default_rules(FEATURE_NAMES)

each_rule = pytest.mark.parametrize("rule", RULES.all, ids=lambda rule: rule.id)


@each_rule
def test_its_reason_is_its_own_and_follows_from_its_id(rule: Rule) -> None:
    assert rule.reason == f"RULE_{rule.id.upper()}"
    reasons = [one.reason for one in RULES.all] + [pattern.reason for pattern in default_patterns().all]
    assert reasons.count(rule.reason) == 1


@each_rule
def test_it_speaks_of_some_payments_and_is_silent_about_most(rule: Rule) -> None:
    spoken = [rule.id in decision.rules for decision in busy_month.decided().decisions]
    assert rule.enabled
    assert 0 < sum(spoken) < len(spoken) / 2


@each_rule
def test_a_decision_in_which_it_spoke_gives_its_reason_and_its_part_of_the_score(rule: Rule) -> None:
    bands = Thresholds()
    for decision in busy_month.decided().decisions:
        assert (rule.reason in decision.reasons) == (rule.id in decision.rules)
        if rule.id in decision.rules:
            assert decision.score >= (rule.add or rule.at_least or bands.floor(rule.action))
            assert decision.versions.rules == RULES.version


def test_a_payment_of_which_no_rule_speaks_is_approved() -> None:
    silent = [one for one in busy_month.decided().decisions if not one.rules and not one.patterns]
    assert silent
    assert {(one.action, one.score) for one in silent} == {("approve", 0.0)}
