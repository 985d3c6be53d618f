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

from state.kernel.jit import compiled


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


class Curve:
    """A calibration, ready to be asked."""

    def __init__(self, calibration: Calibration) -> None:
        self._points = np.array(calibration.scores, np.float64), np.array(calibration.probabilities, np.float64)

    def probabilities(self, raw_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of fraud of each raw score, (n,) log-odds to (n,)."""
        out = np.empty(len(raw_scores))
        interpolate(raw_scores, *self._points, out)
        return out


@compiled
def interpolate(
    at: NDArray[np.float64], scores: NDArray[np.float64], probabilities: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """As ``np.interp`` to the last bit, which takes 3 us for a row before it begins."""
    last = scores.shape[0] - 1
    for row in range(at.shape[0]):
        if at[row] >= scores[last]:
            out[row] = probabilities[last]
        elif at[row] <= scores[0]:
            out[row] = probabilities[0]
        else:
            low, high = 0, last
            while high - low > 1:
                middle = (low + high) // 2
                if scores[middle] <= at[row]:
                    low = middle
                else:
                    high = middle
            slope = (probabilities[high] - probabilities[low]) / (scores[high] - scores[low])
            out[row] = slope * (at[row] - scores[low]) + probabilities[low]


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
