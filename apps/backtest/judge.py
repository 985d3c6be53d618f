"""Decides payments again whose features and matches are known: by another policy, or by the same without one cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.backtest.policy import Cause, PolicyDocuments
from state.event_time_clock import NO_WATERMARK
from udfs.control.in_force import ControlInForce
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import PatternSet
from udfs.rules import RuleSet
from udfs.stages.decision_engine import DecisionBatch, DecisionEngine, ScoringModel
from udfs.stages.minute_totals import MinuteAggregator
from udfs.stages.stage_message import Payment

MAX_ABLATED = 200
"""Rules and patterns above which none is ablated: a set for each rule would cost more than the backtest."""


class Judge:
    """The job's decision engine with one policy, without stages: rules and models do not feed back into features."""

    def __init__(
        self, rules: RuleSet, patterns: PatternSet, thresholds: Thresholds, model: ScoringModel | None
    ) -> None:
        self._control = ControlInForce(rules, thresholds, patterns)
        self._engine = DecisionEngine(model, 0, FEATURE_NAMES)

    def decide(self, payments: Sequence[Payment], features: NDArray[np.float64], now_ms: int) -> DecisionBatch:
        """Decide payments with their matches, features (n, F)."""
        return self._engine.decide(
            payments, features, self._control, self._control.patterns, MinuteAggregator(NO_WATERMARK), now_ms
        )


class ScoredOnce:
    """A model that scores a batch once, however many policies decide it.

    Attributes:
        version: of the model.
    """

    def __init__(self, model: ScoringModel) -> None:
        self.version = model.version
        self._model = model
        self._features: NDArray[np.float64] | None = None
        self._scores: NDArray[np.float64] = np.empty(0)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score features (n, F); those of the last call are not scored again."""
        if features is not self._features:
            self._features, self._scores = features, self._model.score(features)
        return self._scores

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Contributions of features (n, F), (n, F)."""
        return self._model.contributions(features)


class KnownScores:
    """A model of which the scores are known and the contributions do not matter.

    Attributes:
        version: of the model.
        scores: (n,), of the payments that are decided next.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.scores: NDArray[np.float64] = np.empty(0)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The known scores."""
        return self.scores

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """No contributions."""
        return np.zeros_like(features)


class Ablation:
    """Decides the payments of each rule and pattern as if it were not there: what would be different is its own.

    Args:
        policy: whose rules and patterns are left out, one at a time.
        model: None if rules decide alone.
    """

    def __init__(self, policy: PolicyDocuments, model: ScoredOnce | None) -> None:
        self._policy = policy
        self._model = model
        self._known = None if model is None else KnownScores(model.version)
        self._patterns = policy.pattern_set()
        self._complete = self._judge(policy.rule_set())
        self._without: dict[str, Judge] = {}

    def _judge(self, rules: RuleSet) -> Judge:
        return Judge(rules, self._patterns, self._policy.thresholds, self._known)

    def decide(
        self,
        cause: Cause,
        payments: Sequence[Payment],
        features: NDArray[np.float64],
        rows: NDArray[np.int64],
        now_ms: int,
    ) -> DecisionBatch:
        """Decide some rows of a batch without a cause.

        Args:
            cause: which is left out.
            payments: of the batch, with their matches.
            features: of the batch, (n, F).
            rows: of the batch for which the cause spoke.
            now_ms: the wall clock, epoch milliseconds.
        """
        if self._model is not None and self._known is not None:
            self._known.scores = self._model.score(features)[rows]
        some = [payments[row] for row in rows.tolist()]
        judge = self._complete
        if cause.kind == "rule":
            if cause.id not in self._without:
                self._without[cause.id] = self._judge(self._policy.rule_set(without=cause.id))
            judge = self._without[cause.id]
        else:
            some = [
                msgspec.structs.replace(
                    payment, matches=tuple(match for match in payment.matches if match.pattern != cause.id)
                )
                for payment in some
            ]
        return judge.decide(some, features[rows], now_ms)


def rows_by_cause(spoke: Sequence[tuple[int, int]]) -> dict[int, NDArray[np.int64]]:
    """Rows of each cause, ascending, by its number.

    Args:
        spoke: pairs of row and number of the cause.
    """
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, cause in spoke:
        rows[cause].append(row)
    return {cause: np.array(found, np.int64) for cause, found in rows.items()}
