"""How good a model is, in the terms fraud teams compare models by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models.metadata import CardPrecision, Metrics, OperatingPoint

DAY_MS = 86_400_000


def measure(
    raw_scores: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    fraud: NDArray[np.bool_],
    event_time: NDArray[np.int64],
    user_id: NDArray[np.object_] | None,
    *,
    k: int = 100,
) -> Metrics:
    """All metrics of one model on one slice, each argument (n,).

    AUC, average precision and card precision are those of the probabilities that are served, ties and all.
    Card precision needs to know whose payment it was: None without ``user_id``.
    """
    uncalibrated = 1.0 / (1.0 + np.exp(-raw_scores))
    return Metrics(
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
    """Card precision top-k as the Fraud Detection Handbook defines it (chapter 4, "Precision top-k metrics").

    Each UTC day the ``k`` cards with the highest single score are looked at; a compromised card that was found leaves
    the days after it, since it is blocked. The divisor is ``k`` even on days with fewer cards, as in the handbook.
    """
    payments = pd.DataFrame(
        {"day": event_time // DAY_MS, "user": user_id, "score": probabilities, "fraud": fraud.astype(int)}
    )
    found: set[object] = set()
    precisions = []
    for _, day in payments.groupby("day"):
        cards = day[~day["user"].isin(found)].groupby("user")[["score", "fraud"]].max()
        looked_at = cards.sort_values("score", ascending=False, kind="stable").head(k)
        compromised = looked_at.index[looked_at["fraud"] == 1]
        found.update(compromised)
        precisions.append(len(compromised) / k)
    return float(np.mean(precisions))


def operating_points(
    probabilities: NDArray[np.float64], fraud: NDArray[np.bool_], thresholds: Sequence[float]
) -> list[OperatingPoint]:
    """Say what each threshold would flag, and how rightly."""
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
