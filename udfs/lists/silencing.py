"""Suppressions on a decision: the rules, patterns and scores that they silence."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from udfs.lists.effect import MODEL, is_silenced
from udfs.rules import Rule
from udfs.stages.stage_message import Payment


def without_silenced_matches(payments: Sequence[Payment]) -> list[Payment]:
    """Payments without the matches of patterns that their suppressions silence."""
    return [_without_matches(payment) if payment.silenced and payment.matches else payment for payment in payments]


def _without_matches(payment: Payment) -> Payment:
    heard = tuple(match for match in payment.matches if not is_silenced(match.pattern, payment.silenced))
    return msgspec.structs.replace(payment, matches=heard)


def without_silenced(
    rules: Sequence[Rule], model_score: float, silenced: Sequence[str]
) -> tuple[Sequence[Rule], float]:
    """The rules that are not silenced, and the score by them and by the model, unless that is silenced.

    Args:
        rules: that fired.
        model_score: 0 to 1; 0 without a model.
        silenced: ids of rules and patterns, ``MODEL``, or everything.
    """
    heard = [rule for rule in rules if not is_silenced(rule.id, silenced)]
    score = 0.0 if is_silenced(MODEL, silenced) else model_score
    return heard, score + sum(rule.add or 0.0 for rule in heard)
