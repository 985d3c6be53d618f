"""Figures of a backtest against what a hand counts, and against slow formulas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from apps.backtest import curves
from apps.backtest.figures import Labeled, cause_figures, flips, policy_figures
from apps.backtest.intervals import average_precision, share
from apps.backtest.outcome import ACTIONS, Decided, Outcome
from apps.backtest.policy import Cause, PolicyError, read_rules, read_thresholds
from state.kernel.times import DAY_MS
from udfs.decision import Thresholds

APPROVE, MONITOR, CHALLENGE, BLOCK = range(len(ACTIONS))
CAUSES = [Cause("rule", "loud"), Cause("rule", "quiet"), Cause("pattern", "silent")]


def decided(scores: list[float], actions: list[int], **fields: object) -> Decided:
    columns = {
        "scores": np.array(scores),
        "model_scores": np.array(scores),
        "actions": np.array(actions, np.int8),
        "alerts": np.array([score >= 0.7 for score in scores]),
        "spoke": np.empty((0, 2), np.int64),
        "ablated": np.empty((0, 4), np.int64),
    }
    return Decided(**{**columns, **fields})  # type: ignore[arg-type]


def labeled(first: Decided) -> Labeled:
    """Six payments of two days and three users: two frauds, three legitimate, one that nobody knows."""
    outcome = Outcome(
        transaction_ids=[f"t{number}" for number in range(6)],
        user_ids=["ann", "ann", "ben", "cid", "ben", "ann"],
        event_times=np.array([0, 1, 2, DAY_MS, DAY_MS + 1, 2 * DAY_MS], np.int64),
        amounts=np.array([100.0, 10.0, 20.0, 200.0, 40.0, 80.0]),
        decided=[first],
    )
    known = np.array([True, True, True, True, True, False])
    fraud = np.array([True, False, False, True, False, False])
    return Labeled(outcome, np.array([0, 0, 1, 2, 1, 0]), known, fraud)


def test_a_policy_is_measured_by_what_it_holds_and_alerts() -> None:
    first = decided([0.95, 0.75, 0.1, 0.2, 0.95, 0.75], [BLOCK, CHALLENGE, APPROVE, MONITOR, BLOCK, CHALLENGE])
    figures = policy_figures("tried", labeled(first), first, k=1)
    assert figures.alerts == 4
    assert figures.alerts_a_day == 2.0
    assert figures.actions == {"approve": 1, "monitor": 1, "challenge": 2, "block": 2}
    assert figures.precision is not None
    assert figures.precision.value == pytest.approx(1 / 3), "the alert without a label is not counted"
    assert figures.recall is not None
    assert figures.recall.value == 0.5
    assert figures.amount_saved == 100.0
    assert figures.amount_missed == 200.0
    assert figures.amount_held_wrongly == 50.0
    assert figures.customers_bothered_a_day == 1.0, "ann on the first day, and ben on the second"
    assert figures.precision_at_k == 0.5
    assert figures.card_precision_at_k == 0.5


def test_a_rule_is_measured_by_what_would_be_missing_without_it() -> None:
    first = decided(
        [0.95, 0.75, 0.1, 0.2, 0.95, 0.75],
        [BLOCK, CHALLENGE, APPROVE, MONITOR, BLOCK, CHALLENGE],
        spoke=np.array([[0, 0], [1, 0], [4, 0], [5, 1]]),
        ablated=np.array([[0, 0, APPROVE, 0], [1, 0, MONITOR, 0], [4, 0, CHALLENGE, 1]]),
    )
    loud, quiet, silent = cause_figures(CAUSES, labeled(first), first, ablated=True)
    assert (loud.fires, loud.unique_catches, loud.own_false_alerts, loud.flips) == (3, 1, 1, 3)
    assert loud.precision is not None
    assert loud.precision.value == pytest.approx(1 / 3)
    assert loud.lift == pytest.approx((1 / 3) / (2 / 5))
    assert (quiet.fires, quiet.precision, quiet.flips) == (1, None, 0)
    assert (silent.fires, silent.lift) == (0, None)


def test_payments_that_two_policies_decide_differently_are_counted_by_action_and_truth() -> None:
    after = decided([0.95, 0.1, 0.1, 0.2, 0.1, 0.1], [BLOCK, APPROVE, APPROVE, APPROVE, APPROVE, APPROVE])
    before = decided([0.95, 0.95, 0.1, 0.6, 0.95, 0.1], [BLOCK, BLOCK, APPROVE, MONITOR, BLOCK, APPROVE])
    found = flips(labeled(after), before, after)
    assert [(each.before, each.after, each.payments, each.fraud, each.legitimate, each.amount) for each in found] == [
        ("block", "approve", 2, 0, 2, 50.0),
        ("monitor", "approve", 1, 1, 0, 200.0),
    ]


def test_without_labels_only_alerts_and_actions_are_known() -> None:
    first = decided([0.95, 0.1, 0.1, 0.1, 0.1, 0.1], [BLOCK, *[APPROVE] * 5])
    nothing = np.zeros(6, np.bool_)
    figures = policy_figures("tried", replace(labeled(first), known=nothing, fraud=nothing), first, k=1)
    assert figures.alerts == 1
    assert (figures.precision, figures.recall, figures.roc_auc, figures.amount_saved) == (None, None, None, None)


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_interval_of_a_share_is_wilsons(part: int, more: int) -> None:
    total = part + more
    found = share(part, total)
    assert found is not None
    z, p = 1.959963984540054, part / total
    center = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    assert found.low == pytest.approx(max(center - half, 0.0), abs=1e-5)
    assert found.high == pytest.approx(min(center + half, 1.0), abs=1e-5)


def test_the_bootstrap_interval_is_that_of_resampled_payments() -> None:
    rng = np.random.default_rng(1)
    fraud = rng.random(3_000) < 0.05
    scores = np.round(np.clip(rng.normal(0.3 + 0.3 * fraud, 0.2), 0, 1), 2).astype(np.float64)
    found = average_precision(scores, fraud)
    assert found is not None
    assert found.value == pytest.approx(average_precision_score(fraud, scores))
    drawn = [rng.integers(0, len(fraud), len(fraud)) for _ in range(300)]
    low, high = np.quantile([average_precision_score(fraud[rows], scores[rows]) for rows in drawn], (0.025, 0.975))
    assert found.low == pytest.approx(low, abs=0.03)
    assert found.high == pytest.approx(high, abs=0.03)


def test_the_cost_of_a_threshold_is_what_is_missed_and_what_is_held_wrongly() -> None:
    first = decided([0.95, 0.75, 0.1, 0.2, 0.95, 0.75], [APPROVE] * 6)
    costs = dict(curves.cost(labeled(first), first.scores, false_alarm_cost=7.0))
    assert costs[0.15] == pytest.approx((0 + 2 * 7) / 2)
    assert costs[0.5] == pytest.approx((200 + 2 * 7) / 2)
    assert costs[1.0] == pytest.approx(300 / 2)


def test_precision_over_recall_goes_in_steps() -> None:
    first = decided([0.9, 0.9, 0.5, 0.5, 0.1, 0.1], [APPROVE] * 6)
    assert curves.precision_recall(labeled(first), first.scores) == [
        (0.0, 0.5),
        (0.5, 0.5),
        (0.5, 0.5),
        (1.0, 0.5),
        (1.0, 0.4),
        (1.0, 0.4),
    ]


def test_thresholds_are_read_and_checked() -> None:
    base = Thresholds(alert=0.75)
    assert read_thresholds("", base) == base
    assert read_thresholds("block=0.95, challenge=0.8", base) == Thresholds(block=0.95, challenge=0.8, alert=0.75)
    for text, message in (
        ("blok=0.9", "names none of block, challenge, monitor, alert"),
        ("block=high", "no number"),
        ("block=1.5", "<= 1"),
        ("block=0.6", "must rise"),
    ):
        with pytest.raises(PolicyError, match=message):
            read_thresholds(text, base)


def test_rules_that_are_missing_or_wrong_are_named_with_their_problem() -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.yaml cannot be read"):
        read_rules("nowhere.yaml")
