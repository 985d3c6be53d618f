"""Reasons of a decision: stable codes, the strongest first, each once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from udfs.explanation import MODEL_REASONS, model_reason, reasons
from udfs.patterns import Match
from udfs.rules import Rule

HIGH = Rule(id="high", when="amount > 500", reason="RULE_HIGH", add=0.4)
NIGHT = Rule(id="night", when="time_late_night == 1", reason="RULE_NIGHT", add=0.2)
HUGE = Rule(id="huge", when="amount > 10000", reason="RULE_HUGE", at_least=0.8)
LISTED = Rule(id="listed", when="amount > 0", reason="RULE_LISTED", action="block")
CARD_TESTING = Match("card_testing", 2, ("a", "b"), 0.85, "PATTERN_CARD_TESTING", "high")
NAMES = ("amount", "user_amount_zscore", "time_hour", "card_present")


def test_without_rules_and_matches_there_are_no_reasons() -> None:
    assert reasons([], []) == []


def test_the_strongest_reason_is_first_whatever_its_source() -> None:
    assert reasons([NIGHT, LISTED, HIGH, HUGE], [CARD_TESTING]) == [
        "RULE_LISTED",
        "PATTERN_CARD_TESTING",
        "RULE_HUGE",
        "RULE_HIGH",
        "RULE_NIGHT",
    ]


def test_equally_strong_reasons_have_a_fixed_order() -> None:
    other = Rule(id="other", when="amount > 1", reason="RULE_A", add=0.4)
    assert reasons([HIGH, other], []) == reasons([other, HIGH], []) == ["RULE_A", "RULE_HIGH"]


def test_two_rules_with_one_reason_give_it_once_at_its_strongest() -> None:
    mild = Rule(id="mild", when="amount > 100", reason="RULE_HUGE", add=0.1)
    assert reasons([mild, HIGH, HUGE], []) == ["RULE_HUGE", "RULE_HIGH"]


# The model


def test_features_share_the_models_score_by_what_they_contributed() -> None:
    """The amount weighs 0.9 * 3 / 4, more than the rule; the hour weighs 0.9 / 4, more than the night."""
    contributions = np.array([3.0, -2.0, 1.0, 0.0])
    assert reasons([HIGH, NIGHT], [], 0.9, contributions, NAMES) == [
        "MODEL_AMOUNT",
        "RULE_HIGH",
        "MODEL_TIME_HOUR",
        "RULE_NIGHT",
    ]


def test_the_features_of_a_low_model_score_rank_behind_the_rules() -> None:
    contributions = np.array([3.0, 0.0, 1.0, 0.0])  # of 0.3: 0.225 and 0.075
    assert reasons([HIGH, NIGHT], [], 0.3, contributions, NAMES) == [
        "RULE_HIGH",
        "MODEL_AMOUNT",
        "RULE_NIGHT",
        "MODEL_TIME_HOUR",
    ]


def test_no_more_than_three_features_are_named() -> None:
    assert MODEL_REASONS == 3
    assert reasons([], [], 0.9, np.array([1.0, 4.0, 3.0, 2.0]), NAMES) == [
        model_reason("user_amount_zscore"),
        model_reason("time_hour"),
        model_reason("card_present"),
    ]


def test_a_feature_that_lowered_the_score_is_no_reason() -> None:
    assert reasons([], [], 0.9, np.array([-1.0, 0.0, -3.0, 0.0]), NAMES) == []


_rules = st.lists(st.sampled_from([HIGH, NIGHT, HUGE, LISTED]), unique_by=lambda rule: rule.id)


@given(_rules, st.floats(0, 1), st.lists(st.floats(-10, 10), min_size=4, max_size=4))
def test_every_rule_is_among_the_reasons_and_no_reason_is_there_twice(
    rules: list[Rule], score: float, contributions: list[float]
) -> None:
    codes = reasons(rules, [], score, np.array(contributions), NAMES)
    assert len(codes) == len(set(codes)) <= len(rules) + MODEL_REASONS
    assert {rule.reason for rule in rules} <= set(codes)
    assert [code for code in codes if code.startswith("RULE_")] == reasons(rules, [])
