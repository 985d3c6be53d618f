"""Explain a decision by stable reason codes, the strongest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.patterns import Match
from udfs.rules import Rule

MODEL_REASONS = 3
"""Maximum number of model features among the reasons."""


def model_reason(feature: str) -> str:
    """The reason code of a feature that raised the model's score."""
    return f"MODEL_{feature.upper()}"


def reasons(
    rules: Sequence[Rule],
    matches: Sequence[Match],
    model_score: float = 0.0,
    contributions: NDArray[np.float64] | None = None,
    names: Sequence[str] = (),
) -> list[str]:
    """Rank the reason codes of a decision by their weight.

    Args:
        rules: rules that fired.
        matches: pattern matches of the decision.
        model_score: score of the model, 0 to 1.
        contributions: (F,), contribution of each feature in log-odds; None if the model's score is not explained. The
            model's score is divided among the features with positive contributions.
        names: names of the features.
    """
    weighted = [(rule.weight, rule.reason) for rule in rules]
    weighted += [(match.score, match.reason) for match in matches]
    if contributions is not None:
        positive = np.maximum(contributions, 0.0)
        total = float(positive.sum())
        weighted += [
            (model_score * part / total, model_reason(names[index])) for index, part in _strongest(positive.tolist())
        ]
    # Each code once, at its highest weight; ties by name, for a deterministic order.
    weighted.sort(key=lambda reason: (-reason[0], reason[1]))
    return list(dict.fromkeys(code for _, code in weighted))


def _strongest(parts: list[float]) -> Iterator[tuple[int, float]]:
    """Yield index and value of the largest positive parts, the first of equal ones first; zeroes those yielded.

    Not argsort, which releases the GIL: with two other stages running, reacquiring it took half a millisecond.
    """
    for _ in range(MODEL_REASONS):
        part = max(parts)
        if part <= 0:
            return
        index = parts.index(part)
        yield index, part
        parts[index] = 0.0
