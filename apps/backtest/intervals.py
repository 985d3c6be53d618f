"""Shares with their 95 % intervals, and intervals of ranking metrics."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

_RESAMPLES = 200
_LEVEL = 0.95
_SEED = 20


class Estimate(msgspec.Struct, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def share(part: int, total: int) -> Estimate | None:
    """A share with its Wilson interval; None of nothing.

    >>> share(3, 10)
    Estimate(value=0.3, low=0.107791, high=0.603222)
    """
    if total == 0:
        return None
    interval = binomtest(part, total).proportion_ci(_LEVEL, method="wilson")
    return Estimate(part / total, round(float(interval.low), 6), round(float(interval.high), 6))


def average_precision(scores: NDArray[np.float64], fraud: NDArray[np.bool_]) -> Estimate | None:
    """Average precision with its bootstrap interval; None without fraud, or without anything else."""
    return _bootstrapped(average_precision_score, scores, fraud)


def roc_auc(scores: NDArray[np.float64], fraud: NDArray[np.bool_]) -> Estimate | None:
    """Area under the ROC curve with its bootstrap interval; None without fraud, or without anything else."""
    return _bootstrapped(roc_auc_score, scores, fraud)


def _bootstrapped(
    metric: Callable[..., float], scores: NDArray[np.float64], fraud: NDArray[np.bool_]
) -> Estimate | None:
    """A metric of scores, resampled with Poisson weights by distinct score: a million payments have few thousands."""
    if fraud.all() or not fraud.any():
        return None
    # Scores have six digits, of which an interval needs four.
    distinct, place = np.unique(np.round(scores, 4), return_inverse=True)
    counts = np.concatenate([np.bincount(place[is_fraud], minlength=len(distinct)) for is_fraud in (fraud, ~fraud)])
    truth = np.repeat((True, False), len(distinct))
    both = np.concatenate((distinct, distinct))
    rng = np.random.default_rng(_SEED)
    values = []
    for _ in range(_RESAMPLES):
        weights = rng.poisson(counts)
        if weights[truth].any() and weights[~truth].any():
            values.append(metric(truth, both, sample_weight=weights))
    low, high = np.quantile(values, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2)) if values else (np.nan, np.nan)
    return Estimate(float(metric(fraud, scores)), float(low), float(high))
