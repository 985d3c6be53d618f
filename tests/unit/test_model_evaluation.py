"""Evaluation metrics are those of published results."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation import card_precision, operating_points
from state.kernel.times import DAY_MS


def precision_at(k: int, payments: list[tuple[int, str, float, bool]]) -> float:
    """Card precision@k of payments as (day, card, score, fraud)."""
    days, cards, scores, fraud = zip(*payments, strict=True)
    return card_precision(
        np.array(scores), np.array(fraud), np.array(days) * DAY_MS + 1, np.array(cards, dtype=object), k
    )


def test_a_card_counts_once_a_day_by_its_highest_score() -> None:
    payments = [(0, "stolen", 0.9, False), (0, "stolen", 0.8, True), (0, "fine", 0.7, False), (0, "other", 0.1, True)]
    assert precision_at(2, payments) == 0.5


def test_a_compromised_card_that_was_found_is_blocked_the_next_day() -> None:
    payments = [(0, "stolen", 0.9, True), (1, "stolen", 0.9, True), (1, "fine", 0.5, False)]
    assert precision_at(1, payments) == 0.5


def test_a_compromised_card_that_was_missed_can_be_found_the_next_day() -> None:
    payments = [(0, "stolen", 0.1, True), (0, "fine", 0.5, False), (1, "stolen", 0.9, True)]
    assert precision_at(1, payments) == 0.5


def test_a_day_with_fewer_than_k_cards_is_still_divided_by_k() -> None:
    assert precision_at(10, [(0, "stolen", 0.9, True)]) == pytest.approx(0.1)


def test_an_operating_point_has_flagged_share_precision_and_recall() -> None:
    half, nothing = operating_points(np.array([0.2, 0.6, 0.7, 0.1]), np.array([True, True, False, False]), [0.5, 0.9])
    assert (half.flagged_share, half.precision, half.recall) == (0.5, 0.5, 0.5)
    assert (nothing.flagged_share, nothing.precision, nothing.recall) == (0.0, None, 0.0)
