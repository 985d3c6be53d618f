"""Calibrate scores: map a model's log-odds to a probability of fraud.

Centered isotonic regression (Oron and Flournoy, 2017): each block of equal rates becomes one point, at the block's mean
score, and probabilities between points are interpolated. Calibrated scores keep the order of the raw scores between the
outermost points, where the steps of plain isotonic regression would tie large groups of payments. The stored form is
two lists of numbers.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from state.kernel.jit import compiled


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points of a calibration curve.

    Attributes:
        scores: log-odds, strictly increasing.
        probabilities: probability at each score, between 0 and 1, not decreasing.
    """

    scores: list[float]
    probabilities: list[float]

    def __post_init__(self) -> None:
        """Refuse points that are not an increasing curve of probabilities; msgspec calls it on decoding too."""
        scores, probabilities = np.asarray(self.scores, dtype=float), np.asarray(self.probabilities, dtype=float)
        if len(scores) == 0 or len(scores) != len(probabilities):
            raise ValueError("calibration needs as many probabilities as scores, and at least one")
        if not (np.isfinite(scores).all() and np.isfinite(probabilities).all()):
            raise ValueError("calibration holds a number that is not finite")
        if (np.diff(scores) <= 0).any() or (np.diff(probabilities) < 0).any():
            raise ValueError("calibration scores and probabilities must rise")
        if probabilities[0] < 0 or probabilities[-1] > 1:
            raise ValueError("calibration probabilities must lie between 0 and 1")


class Calibrator:
    """Evaluates a calibration curve."""

    def __init__(self, calibration: Calibration) -> None:
        self._points = np.array(calibration.scores, np.float64), np.array(calibration.probabilities, np.float64)

    def probabilities(self, raw_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map raw scores, (n,) log-odds, to probabilities of fraud, (n,)."""
        out = np.empty(len(raw_scores))
        interpolate(raw_scores, *self._points, out)
        return out


@compiled
def interpolate(
    raw_scores: NDArray[np.float64],
    scores: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write ``np.interp(raw_scores, scores, probabilities)`` to ``out``, to the last bit, without its 3 us per call."""
    last = scores.shape[0] - 1
    for row in range(raw_scores.shape[0]):
        if raw_scores[row] >= scores[last]:
            out[row] = probabilities[last]
        elif raw_scores[row] <= scores[0]:
            out[row] = probabilities[0]
        else:
            low, high = 0, last
            while high - low > 1:
                middle = (low + high) // 2
                if scores[middle] <= raw_scores[row]:
                    low = middle
                else:
                    high = middle
            slope = (probabilities[high] - probabilities[low]) / (scores[high] - scores[low])
            out[row] = slope * (raw_scores[row] - scores[low]) + probabilities[low]


def fit(raw_scores: NDArray[np.float64], fraud: NDArray[np.bool_]) -> Calibration:
    """Fit a calibration curve to payments that the model was not trained on.

    A pseudo-fraud at the lowest score and a pseudo-legitimate payment at the highest keep the outermost probabilities
    away from 0 and 1: a few hundred payments cannot show certainty.

    Args:
        raw_scores: (n,) log-odds, n >= 1.
        fraud: (n,) labels.
    """
    scores = np.concatenate([raw_scores, [raw_scores.min(), raw_scores.max()]])
    labels = np.concatenate([fraud.astype(float), [1.0, 0.0]])
    points, point_of_row = np.unique(scores, return_inverse=True)
    weights = np.bincount(point_of_row).astype(float)
    blocks = _pool_adjacent_violators(points, np.bincount(point_of_row, weights=labels) / weights, weights)
    return Calibration(scores=[score for score, _, _ in blocks], probabilities=[rate for _, rate, _ in blocks])


def _pool_adjacent_violators(
    scores: NDArray[np.float64], rates: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    """Merge adjacent points until rates strictly increase; returns blocks of (mean score, rate, weight)."""
    blocks: list[tuple[float, float, float]] = []
    for block in zip(scores.tolist(), rates.tolist(), weights.tolist(), strict=True):
        score, rate, weight = block
        while blocks and blocks[-1][1] >= rate:
            last_score, last_rate, last_weight = blocks.pop()
            total = last_weight + weight
            score = (last_score * last_weight + score * weight) / total
            rate = (last_rate * last_weight + rate * weight) / total
            weight = total
        blocks.append((score, rate, weight))
    return blocks
