"""Why a decision is what it is: stable reason codes, the strongest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.patterns import Match
from udfs.rules import Rule

MODEL_REASONS = 3
"""How many features of the model are named, at most."""


def model_reason(feature: str) -> str:
    """The code of a feature that spoke for fraud."""
    return f"MODEL_{feature.upper()}"


def reasons(
    rules: Sequence[Rule],
    matches: Sequence[Match],
    model_score: float = 0.0,
    contributions: NDArray[np.float64] | None = None,
    names: Sequence[str] = (),
) -> list[str]:
    """Reason codes by their part in the score.

    Args:
        rules: that spoke.
        matches: of patterns.
        model_score: 0 to 1.
        contributions: (F,) log-odds of each feature, where the model is explained; those that speak for fraud share
            the model's score among themselves.
        names: of the features.
    """
    weighted = [(rule.weight, rule.reason) for rule in rules]
    weighted += [(match.score, match.reason) for match in matches]
    if contributions is not None:
        for_fraud = np.maximum(contributions, 0.0)
        total = float(for_fraud.sum())
        weighted += [
            (model_score * part / total, model_reason(names[index])) for index, part in _strongest(for_fraud.tolist())
        ]
    # A code once, at its strongest; equal ones by name, so that the order is always the same.
    weighted.sort(key=lambda reason: (-reason[0], reason[1]))
    return list(dict.fromkeys(code for _, code in weighted))


def _strongest(parts: list[float]) -> Iterator[tuple[int, float]]:
    """Places and values of the greatest parts over 0, the first of equals first; what was told is set to 0.

    Not argsort, which gives up the GIL: beside two other stages it took half a millisecond to get it back.
    """
    for _ in range(MODEL_REASONS):
        part = max(parts)
        if part <= 0:
            return
        index = parts.index(part)
        yield index, part
        parts[index] = 0.0
