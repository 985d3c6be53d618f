"""From a model's log-odds to a probability that can be held against a threshold.

Isotonic regression in its centred form (Oron and Flournoy, 2017): each block of equal rates becomes one point, at the
block's mean score, and probabilities between two points are interpolated. So calibrated scores keep the order of the
raw ones between the outermost points, where plain isotonic steps would tie whole groups of payments, and the stored
form is two lists of numbers.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points of a rising line: ``scores`` (log-odds, strictly rising) and ``probabilities`` (rising, inside 0 to 1)."""

    scores: list[float]
    probabilities: list[float]

    def __post_init__(self) -> None:
        """Refuse what would not be a rising line of probabilities (msgspec calls this when it decodes, too)."""
        scores, probabilities = np.asarray(self.scores, dtype=float), np.asarray(self.probabilities, dtype=float)
        if len(scores) == 0 or len(scores) != len(probabilities):
            raise ValueError("calibration needs as many probabilities as scores, and at least one")
        if not (np.isfinite(scores).all() and np.isfinite(probabilities).all()):
            raise ValueError("calibration holds a number that is not finite")
        if (np.diff(scores) <= 0).any() or (np.diff(probabilities) < 0).any():
            raise ValueError("calibration scores and probabilities must rise")
        if probabilities[0] < 0 or probabilities[-1] > 1:
            raise ValueError("calibration probabilities must lie between 0 and 1")


def fit(raw_scores: NDArray[np.float64], fraud: NDArray[np.bool_]) -> Calibration:
    """Learn the calibration from payments the model was not fitted on.

    One imagined fraud below all scores' start and one imagined genuine payment at their end keep the outermost
    probabilities off 0 and 1: a few hundred payments cannot show certainty.

    Args:
        raw_scores: (n,) log-odds, n >= 1.
        fraud: (n,) the truth.
    """
    scores = np.concatenate([raw_scores, [raw_scores.min(), raw_scores.max()]])
    truth = np.concatenate([fraud.astype(float), [1.0, 0.0]])
    points, first_of = np.unique(scores, return_inverse=True)
    weights = np.bincount(first_of).astype(float)
    blocks = _pool_adjacent_violators(points, np.bincount(first_of, weights=truth) / weights, weights)
    return Calibration(scores=[score for score, _, _ in blocks], probabilities=[rate for _, rate, _ in blocks])


def _pool_adjacent_violators(
    scores: NDArray[np.float64], rates: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    """Blocks (mean score, rate, weight) of strictly rising rate, by merging each block that does not rise."""
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
