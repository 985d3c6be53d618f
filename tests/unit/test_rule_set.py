"""A set of rules over a batch: which speak, and what they add up to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from udfs.rules import RuleSet, load_rules

NAMES = ("amount", "user_merchant_new")
RULES = """\
version: 4
rules:
- {id: high, reason: HIGH, when: amount > 500, add: 0.4}
- {id: new, reason: NEW, when: user_merchant_new == 1, add: 0.25}
- {id: asleep, reason: ASLEEP, when: amount > 0, add: 0.9, enabled: false}
- {id: huge, reason: HUGE, when: amount > 10000, at_least: 0.8}
- {id: listed, reason: LISTED, when: amount == 666, action: block}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(RULES, NAMES)


def test_each_payment_hears_the_rules_that_speak_of_it_in_their_order(rules: RuleSet) -> None:
    hits = rules.evaluate(np.array([[20.0, 0], [600.0, 1], [20_000.0, 0], [666.0, math.nan]]))
    assert [[rule.id for rule in hits.of_row(row)] for row in range(4)] == [
        [],
        ["high", "new"],
        ["high", "huge"],
        ["high", "listed"],
    ]


def test_only_what_is_added_adds_up(rules: RuleSet) -> None:
    hits = rules.evaluate(np.array([[20.0, 0], [600.0, 1], [20_000.0, 0], [666.0, 0]]))
    assert hits.additions.tolist() == pytest.approx([0, 0.65, 0.4, 0.4])


def test_a_rule_that_is_not_enabled_is_kept_and_silent(rules: RuleSet) -> None:
    assert "asleep" in [rule.id for rule in rules.all]
    assert "asleep" not in [rule.id for rule in rules.rules]
    assert rules.evaluate(np.array([[1.0, 0]])).of_row(0) == ()


def test_no_rules_and_no_payments_come_to_nothing(rules: RuleSet) -> None:
    silent = load_rules("version: 1\nrules: []", NAMES).evaluate(np.zeros((3, 2)))
    assert silent.additions.tolist() == [0, 0, 0]
    assert silent.of_row(2) == ()
    assert rules.evaluate(np.empty((0, 2))).additions.tolist() == []
