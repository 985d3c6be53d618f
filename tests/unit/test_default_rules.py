"""The default rules fire for the payments they are meant for, and for no others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import default_rules

RULES = default_rules(FEATURE_NAMES)


def fired(**features: float) -> set[str]:
    """The rules that fire for a payment with these features, all others absent."""
    row = np.full((1, len(FEATURE_NAMES)), math.nan)
    for name, value in features.items():
        row[0, FEATURE_NAMES.index(name)] = value
    return {rule.id for rule in RULES.evaluate(row).of_row(0)}


def test_no_rule_fires_for_a_payment_without_features() -> None:
    assert fired() == set()


def test_no_rule_fires_for_an_ordinary_payment() -> None:
    ordinary = {
        "amount": 35.2,
        "amount_round_100": 0,
        "user_amount_zscore": 0.3,
        "user_hour_share": 0.1,
        "user_merchant_new": 0,
        "user_transaction_count_5m": 1,
        "user_transaction_count_1h": 1,
        "user_transaction_count_30d": 60,
        "user_transaction_very_rapid": 0,
        "time_late_night": 0,
        "user_place_distance_last": 4.0,
        "user_place_distance_usual": 12.0,
        "user_place_speed": 8.0,
        "country_high_risk": 0,
        "merchant_settled_count_30d": 40,
        "merchant_fraud_share_30d": 0.02,
    }
    assert fired(**ordinary) == set()


@pytest.mark.parametrize(
    ("rule", "at_the_limit", "over_it"),
    [
        ("many_in_5_minutes", {"user_transaction_count_5m": 5}, {"user_transaction_count_5m": 6}),
        ("many_in_1_hour", {"user_transaction_count_1h": 5}, {"user_transaction_count_1h": 6}),
        (
            "unusual_amount",
            {"user_amount_zscore": 5, "user_transaction_count_30d": 11},
            {"user_amount_zscore": 5.01, "user_transaction_count_30d": 11},
        ),
        (
            "unusual_amount",
            {"user_amount_zscore": 50, "user_transaction_count_30d": 10},
            {"user_amount_zscore": 50, "user_transaction_count_30d": 11},
        ),
        (
            "unusual_hour",
            {"user_hour_share": 0.01, "user_transaction_count_30d": 31},
            {"user_hour_share": 0, "user_transaction_count_30d": 31},
        ),
        (
            "unusual_hour",
            {"user_hour_share": 0, "user_transaction_count_30d": 30},
            {"user_hour_share": 0, "user_transaction_count_30d": 31},
        ),
        ("round_amount", {"amount": 400, "amount_round_100": 1}, {"amount": 500, "amount_round_100": 1}),
        ("round_amount", {"amount": 550, "amount_round_100": 0}, {"amount": 600, "amount_round_100": 1}),
        ("very_round_amount", {"amount": 900, "amount_round_100": 1}, {"amount": 1_000, "amount_round_100": 1}),
        ("very_high_amount", {"amount": 10_000}, {"amount": 10_000.01}),
        ("very_rapid", {"user_transaction_very_rapid": 0}, {"user_transaction_very_rapid": 1}),
        (
            "new_merchant_high_amount",
            {"user_merchant_new": 1, "amount": 500},
            {"user_merchant_new": 1, "amount": 500.01},
        ),
        (
            "new_merchant_high_amount",
            {"user_merchant_new": 0, "amount": 501},
            {"user_merchant_new": 1, "amount": 501},
        ),
        ("late_night", {"time_late_night": 0}, {"time_late_night": 1}),
        ("unusual_place", {"user_place_distance_usual": 1_000}, {"user_place_distance_usual": 1_000.1}),
        (
            "implied_speed",
            {"user_place_speed": 900, "user_place_distance_last": 500},
            {"user_place_speed": 900.1, "user_place_distance_last": 500},
        ),
        (
            "implied_speed",
            {"user_place_speed": 90_000, "user_place_distance_last": 50},
            {"user_place_speed": 90_000, "user_place_distance_last": 50.1},
        ),
        (
            "merchant_risk",
            {"merchant_fraud_share_30d": 0.8, "merchant_settled_count_30d": 5},
            {"merchant_fraud_share_30d": 0.81, "merchant_settled_count_30d": 5},
        ),
        (
            "merchant_risk",
            {"merchant_fraud_share_30d": 1.0, "merchant_settled_count_30d": 4},
            {"merchant_fraud_share_30d": 1.0, "merchant_settled_count_30d": 5},
        ),
        ("high_risk_country", {"country_high_risk": 0}, {"country_high_risk": 1}),
    ],
)
def test_a_rule_fires_over_its_limit_and_not_at_it(
    rule: str, at_the_limit: dict[str, float], over_it: dict[str, float]
) -> None:
    assert rule not in fired(**at_the_limit)
    assert rule in fired(**over_it)


def test_a_first_payment_does_not_count_as_new_at_the_merchant() -> None:
    """Everything is new to somebody who has never paid."""
    assert fired(amount=900.0, user_merchant_new=math.nan) == set()


def test_the_specified_rules_have_the_specified_effects() -> None:
    effects = {rule.id: (rule.add, rule.at_least) for rule in RULES.rules}
    specified = {
        "many_in_1_hour": (0.25, None),
        "very_high_amount": (None, 0.8),
        "very_rapid": (0.3, None),
        "new_merchant_high_amount": (0.4, None),
        "late_night": (0.2, None),
        "very_round_amount": (0.1, None),
    }
    assert {rule: effects[rule] for rule in specified} == specified


def test_one_rule_alone_does_not_alert_except_for_very_high_amounts() -> None:
    assert {rule.id for rule in RULES.rules if (rule.add or rule.at_least or 1) >= 0.7} == {"very_high_amount"}


ALERT = Thresholds().alert
ADDS = {rule.id: rule.add or 0.0 for rule in RULES.rules}


@pytest.mark.parametrize(
    "journey",
    [
        ("unusual_place", "implied_speed"),
        ("unusual_place", "high_risk_country"),
        ("unusual_place", "new_merchant_high_amount"),
    ],
)
def test_the_two_rules_that_travel_fires_do_not_alert(journey: tuple[str, ...]) -> None:
    assert sum(ADDS[rule] for rule in journey) < ALERT


@pytest.mark.parametrize("other", [rule for rule in ADDS if rule not in ("merchant_risk", "very_high_amount")])
def test_at_a_fraudulent_merchant_any_other_rule_alerts(other: str) -> None:
    assert round(ADDS["merchant_risk"] + ADDS[other], 6) >= ALERT


def test_impossible_speed_and_a_new_merchant_alert() -> None:
    assert ADDS["implied_speed"] + ADDS["new_merchant_high_amount"] >= ALERT
