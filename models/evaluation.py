"""Evaluate a model with the metrics by which fraud teams compare models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models.metadata import CardPrecision, EvaluationMetrics, OperatingPoint
from state.kernel.times import DAY_MS


def evaluate(
    raw_scores: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    fraud: NDArray[np.bool_],
    event_time: NDArray[np.int64],
    user_id: NDArray[np.object_] | None,
    *,
    k: int = 100,
) -> EvaluationMetrics:
    """Compute the metrics of a model on one slice of payments.

    AUC, average precision and card precision are computed from the calibrated probabilities, since these are served:
    they contain ties that raw scores do not.

    Args:
        raw_scores: (n,) log-odds.
        probabilities: (n,) calibrated scores.
        fraud: (n,) labels.
        event_time: (n,) epoch milliseconds.
        user_id: (n,); without it there is no card precision.
        k: number of cards that are checked in a day, for card precision.
    """
    uncalibrated = 1.0 / (1.0 + np.exp(-raw_scores))
    return EvaluationMetrics(
        auc=float(roc_auc_score(fraud, probabilities)),
        average_precision=float(average_precision_score(fraud, probabilities)),
        card_precision=None
        if user_id is None
        else CardPrecision(k, card_precision(probabilities, fraud, event_time, user_id, k)),
        brier_before_calibration=float(brier_score_loss(fraud, uncalibrated)),
        brier_after_calibration=float(brier_score_loss(fraud, probabilities)),
    )


def card_precision(
    probabilities: NDArray[np.float64],
    fraud: NDArray[np.bool_],
    event_time: NDArray[np.int64],
    user_id: NDArray[np.object_],
    k: int,
) -> float:
    """Compute card precision top-k as the Fraud Detection Handbook defines it (chapter 4, "Precision top-k metrics").

    Each UTC day the ``k`` cards with the highest score of a payment are checked. A compromised card that was found is
    left out on later days, since it is blocked. The divisor is ``k`` also on days with fewer cards, as in the handbook.
    """
    payments = pd.DataFrame(
        {"day": event_time // DAY_MS, "user": user_id, "score": probabilities, "fraud": fraud.astype(int)}
    )
    found: set[object] = set()
    precisions = []
    for _, day in payments.groupby("day"):
        cards = day[~day["user"].isin(found)].groupby("user")[["score", "fraud"]].max()
        checked = cards.sort_values("score", ascending=False, kind="stable").head(k)
        compromised = checked.index[checked["fraud"] == 1]
        found.update(compromised)
        precisions.append(len(compromised) / k)
    return float(np.mean(precisions))


def operating_points(
    probabilities: NDArray[np.float64], fraud: NDArray[np.bool_], thresholds: Sequence[float]
) -> list[OperatingPoint]:
    """Compute precision, recall and the share of flagged payments at each threshold on the calibrated score."""
    points = []
    for threshold in thresholds:
        flagged = probabilities >= threshold
        caught = int((flagged & fraud).sum())
        points.append(
            OperatingPoint(
                threshold=threshold,
                flagged_share=float(flagged.mean()),
                precision=caught / int(flagged.sum()) if flagged.any() else None,
                recall=caught / int(fraud.sum()),
            )
        )
    return points
