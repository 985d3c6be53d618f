"""A set of rules over a batch: which rules fire, and the sum of what they add."""

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
- {id: disabled, reason: DISABLED, when: amount > 0, add: 0.9, mode: off}
- {id: huge, reason: HUGE, when: amount > 10000, at_least: 0.8}
- {id: listed, reason: LISTED, when: amount == 666, action: block}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(RULES, NAMES)


def test_the_rules_that_fire_are_in_the_order_of_the_set(rules: RuleSet) -> None:
    hits = rules.evaluate(np.array([[20.0, 0], [600.0, 1], [20_000.0, 0], [666.0, math.nan]]))
    assert [[rule.id for rule in hits.of_row(row)] for row in range(4)] == [
        [],
        ["high", "new"],
        ["high", "huge"],
        ["high", "listed"],
    ]


def test_only_rules_with_add_contribute_to_the_sum(rules: RuleSet) -> None:
    hits = rules.evaluate(np.array([[20.0, 0], [600.0, 1], [20_000.0, 0], [666.0, 0]]))
    assert hits.additions.tolist() == pytest.approx([0, 0.65, 0.4, 0.4])


def test_a_disabled_rule_is_kept_and_does_not_fire(rules: RuleSet) -> None:
    assert "disabled" in [rule.id for rule in rules.all]
    assert "disabled" not in [rule.id for rule in rules.rules]
    assert rules.evaluate(np.array([[1.0, 0]])).of_row(0) == ()


def test_no_rules_and_no_payments_give_empty_results(rules: RuleSet) -> None:
    empty = load_rules("version: 1\nrules: []", NAMES).evaluate(np.zeros((3, 2)))
    assert empty.additions.tolist() == [0, 0, 0]
    assert empty.of_row(2) == ()
    assert rules.evaluate(np.empty((0, 2))).additions.tolist() == []
