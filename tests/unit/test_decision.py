"""Thresholds of actions, levels of scores, and ids of alerts."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.decision import Action, Level, Thresholds, alert_id, level, max_level

scores = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "action"),
    [
        *((0.0, "approve"), (0.499999, "approve"), (0.5, "monitor"), (0.699999, "monitor")),
        *((0.7, "challenge"), (0.899999, "challenge"), (0.9, "block"), (1.0, "block")),
    ],
)
def test_an_action_begins_at_its_threshold(score: float, action: Action) -> None:
    assert Thresholds().action(score) == action


@pytest.mark.parametrize(
    ("score", "name"),
    [
        *((0.0, "minimal"), (0.299999, "minimal"), (0.3, "low"), (0.5, "medium"), (0.7, "high")),
        *((0.899999, "high"), (0.9, "critical"), (1.0, "critical")),
    ],
)
def test_a_level_begins_at_its_score(score: float, name: Level) -> None:
    assert level(score) == name


@given(scores, scores)
def test_a_higher_score_never_gets_a_milder_action(one: float, other: float) -> None:
    low, high = sorted((one, other))
    actions = ["approve", "monitor", "challenge", "block"]
    assert actions.index(Thresholds().action(low)) <= actions.index(Thresholds().action(high))
    assert max_level(level(low), level(high)) == level(high)


@given(st.lists(scores, min_size=3, max_size=3).map(sorted), st.sampled_from(["monitor", "challenge", "block"]))
def test_a_score_raised_to_an_actions_floor_gets_at_least_that_action(shares: list[float], action: Action) -> None:
    monitor, challenge, block = shares
    thresholds = Thresholds(block=block, challenge=challenge, monitor=monitor, alert=challenge)
    actions = ["approve", "monitor", "challenge", "block"]
    assert actions.index(thresholds.action(thresholds.floor(action))) >= actions.index(action)


def test_no_action_has_no_floor() -> None:
    assert Thresholds().floor(None) == 0.0


def test_at_equal_thresholds_the_strongest_action_is_taken() -> None:
    assert Thresholds(block=0.7, challenge=0.7, monitor=0.7).action(0.7) == "block"


@given(st.sampled_from(get_args(Level)), st.sampled_from(get_args(Level)))
def test_the_higher_of_two_levels_does_not_depend_on_their_order(one: Level, other: Level) -> None:
    assert max_level(one, other) == max_level(other, one)
    assert max_level(one, one) == one
    assert max_level(one, "minimal") == one
    assert max_level(one, "critical") == "critical"


# Ids of alerts


def test_the_id_of_an_alert_is_the_same_in_every_version() -> None:
    """Consumers deduplicate alerts by id: another id for an old transaction would be a second alert."""
    assert alert_id("alice", "p-1") == "9367906499b0ac7fe1e1015e89f70f50"


@given(*[st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)] * 4)
def test_different_transactions_have_different_alerts(user: str, payment: str, user2: str, payment2: str) -> None:
    same = (user, payment) == (user2, payment2)
    assert (alert_id(user, payment) == alert_id(user2, payment2)) is same


def test_where_the_user_ends_and_the_transaction_begins_matters() -> None:
    assert alert_id("ab", "c") != alert_id("a", "bc")
