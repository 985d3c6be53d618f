"""Curves of a policy: ROC, precision over recall, cost over the threshold, alerts over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from apps.backtest.figures import Labeled
from apps.backtest.outcome import Flags
from state.kernel.times import DAY_MS

Points = list[tuple[float, float]]
_POINTS = 300
_MAX_DAYS = 120
_THRESHOLDS = np.linspace(0.0, 1.0, 101)


def roc(labeled: Labeled, scores: NDArray[np.float64]) -> Points:
    """True positive rate over false positive rate."""
    false, true, _ = roc_curve(labeled.fraud[labeled.known], scores[labeled.known])
    return _thinned(false, true)


def precision_recall(labeled: Labeled, scores: NDArray[np.float64]) -> Points:
    """Precision over recall, in steps: between two scores there is no threshold, so nothing is interpolated."""
    precision, recall, _ = precision_recall_curve(labeled.fraud[labeled.known], scores[labeled.known])
    points = _thinned(recall[-2::-1], precision[-2::-1])  # the last one is of no threshold
    starts = [0.0, *(recall for recall, _ in points[:-1])]
    return [
        corner
        for start, (end, height) in zip(starts, points, strict=True)
        for corner in ((start, height), (end, height))
    ]


def cost(labeled: Labeled, scores: NDArray[np.float64], false_alarm_cost: float) -> Points:
    """Cost a day over the score from which payments are held.

    Args:
        labeled: payments with the truth.
        scores: of a policy, (n,).
        false_alarm_cost: of a legitimate payment that is held; a fraud that is not held costs its amount.
    """
    order = np.argsort(scores[labeled.fraud])
    frauds = scores[labeled.fraud][order]
    missed = np.concatenate(([0.0], np.cumsum(labeled.outcome.amounts[labeled.fraud][order])))
    legitimate = np.sort(scores[labeled.legitimate])
    lost = missed[np.searchsorted(frauds, _THRESHOLDS)]
    held = len(legitimate) - np.searchsorted(legitimate, _THRESHOLDS)
    # From 0 on every payment is held, which would hide the rest of the curve.
    costs = ((lost + false_alarm_cost * held) / labeled.days)[5:]
    return list(zip(_THRESHOLDS[5:].tolist(), costs.tolist(), strict=True))


def alerts_over_time(labeled: Labeled, alerts: Flags) -> Points:
    """Alerts a day, over the days since the first one; means of weeks where days are many."""
    days = labeled.outcome.event_times // DAY_MS
    first = int(days.min())
    counts = np.bincount(days[alerts] - first, minlength=int(days.max()) - first + 1)
    step = 7 if len(counts) > _MAX_DAYS else 1
    return [(float(day), float(counts[day : day + step].mean())) for day in range(0, len(counts), step)]


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """At most ``_POINTS`` points, evenly along the curve, both ends included."""
    length = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
    wanted = np.searchsorted(length, np.linspace(0, length[-1], _POINTS))
    rows = np.unique(np.concatenate((wanted, [0, len(x) - 1])))
    return list(zip(x[rows].tolist(), y[rows].tolist(), strict=True))
