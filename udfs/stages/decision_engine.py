"""Decides a batch: features in, the bytes of decisions and alerts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.decision import SCORE_DIGITS, Alert, Decision, ModelAnswer, Thresholds, Versions, alert_id, level, max_level
from udfs.explanation import reasons
from udfs.patterns import Match
from udfs.rules import Rule, RuleSet
from udfs.stages.minute_totals import MinuteAggregator
from udfs.stages.stage_message import Payment

_encoder = msgspec.json.Encoder()
T = TypeVar("T")


class ScoringModel(Protocol):
    """A model, as far as deciding needs one (``models.scorer.Scorer``)."""

    version: str

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, F) to (n,), 0 to 1."""

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, F) to (n, F), log-odds."""


class Policy(NamedTuple):
    """What is in force for a batch; ``patterns`` are versions by id."""

    rules: RuleSet
    bands: Thresholds
    model: ScoringModel | None
    patterns: dict[str, int]


class Sampling(NamedTuple):
    """Which decisions carry their features: every so many-th, 0 for none. Alerts always do."""

    names: Sequence[str]
    every: int


@dataclass
class DecisionBatch:
    """Records to write; keys and values of equal length belong together."""

    decision_keys: list[bytes] = field(default_factory=list)
    decisions: list[bytes] = field(default_factory=list)
    alert_keys: list[bytes] = field(default_factory=list)
    alerts: list[bytes] = field(default_factory=list)


def decide(
    payments: Sequence[Payment],
    features: NDArray[np.float64],
    policy: Policy,
    sampling: Sampling,
    tally: MinuteAggregator,
    now_ms: int,
) -> DecisionBatch:
    """Decide payments.

    Args:
        payments: n of them.
        features: (n, F), NaN where absent.
        policy: what is in force.
        sampling: of features into decisions.
        tally: where the decisions are counted.
        now_ms: the wall clock, epoch milliseconds.
    """
    verdicts = DecisionBatch()
    if payments:
        _Batch(payments, features, policy, sampling).write(verdicts, tally, now_ms)
    return verdicts


class _Batch:
    """Scores of a batch by column, decisions by row."""

    def __init__(
        self, payments: Sequence[Payment], features: NDArray[np.float64], policy: Policy, sampling: Sampling
    ) -> None:
        self._payments = payments
        self._features = features
        self._policy = policy
        self._sampling = sampling
        hits = policy.rules.evaluate(features)
        self._spoken = hits.by_row()
        model = policy.model
        self._model_scores: Sequence[float | None] = [None] * len(payments)
        scores = hits.additions
        if model is not None:
            answers = model.score(features)
            self._model_scores = np.round(answers, SCORE_DIGITS).tolist()
            scores = answers + scores
        # An addition cannot go over 1; a floor raises what is below it.
        self._scores: list[float] = np.round(np.minimum(scores, 1.0), SCORE_DIGITS).tolist()
        self._model_version = None if model is None else model.version
        self._versions = _encoded(Versions(policy.rules.version, policy.patterns, self._model_version))

    def write(self, verdicts: DecisionBatch, tally: MinuteAggregator, now_ms: int) -> None:
        bands = self._policy.bands
        final = [
            self._raised(score, rules, payment.matches) if rules or payment.matches else score
            for score, rules, payment in zip(self._scores, self._spoken, self._payments, strict=True)
        ]
        explained = self._explain([row for row, score in enumerate(final) if score >= bands.alert])
        for row, (payment, score) in enumerate(zip(self._payments, final, strict=True)):
            key = payment.user_id.encode()
            decision = self._decision(row, score, now_ms)
            is_alert = row in explained
            if is_alert:
                alert = self._alert(row, decision, explained[row])
                verdicts.alert_keys.append(key)
                verdicts.alerts.append(_encoder.encode(alert))
            verdicts.decision_keys.append(key)
            verdicts.decisions.append(_encoder.encode(decision))
            tally.add(
                payment.merchant_id,
                payment.event_time,
                payment.amount,
                decision.action,
                alert=is_alert,
                late=payment.late,
                too_late=payment.too_late,
            )

    def _explain(self, rows: Sequence[int]) -> dict[int, NDArray[np.float64] | None]:
        """The model's contributions to rows that are alerts, asked at once; None of each where rules decide alone."""
        model = self._policy.model
        if model is None or not rows:
            return dict.fromkeys(rows)
        features = self._features[rows]
        # What a payment does not have would say nothing to whoever reads it.
        return dict(zip(rows, np.where(np.isnan(features), 0.0, model.contributions(features)), strict=True))

    def _raised(self, score: float, rules: Sequence[Rule], matches: Sequence[Match]) -> float:
        """The score, at least what rules and patterns ask for."""
        for rule in rules:
            score = max(score, rule.at_least or 0.0, self._policy.bands.floor(rule.action))
        for match in matches:
            score = max(score, match.score)
        return score

    def _decision(self, row: int, score: float, now_ms: int) -> Decision:
        payment, policy, rules = self._payments[row], self._policy, self._spoken[row]
        without_model, every, matches = policy.model is None, self._sampling.every, payment.matches
        # Its fields in their order: named one by one, making it takes 1.0 us instead of 0.25.
        return Decision(
            payment.transaction_id,
            payment.user_id,
            payment.merchant_id,
            policy.bands.action(score),
            score,
            level(score),
            ModelAnswer(self._model_version, self._model_scores[row], without_model),
            [rule.id for rule in rules],
            # A late payment may complete a pattern for several that came before it.
            list(dict.fromkeys(match.pattern for match in matches)) if matches else [],
            reasons(rules, matches) if rules or matches else [],
            {},
            # By the payment's own time and not by a count, so that a decision made again is the same.
            self._named(row) if every and payment.event_time % every == 0 else {},
            self._versions,
            payment.event_time,
            now_ms,
            payment.late,
            without_model or payment.too_late,
        )

    def _alert(self, row: int, decision: Decision, contributions: NDArray[np.float64] | None) -> Alert:
        """The alert, and into the decision the reasons and features that only alerts are worth."""
        payment = self._payments[row]
        if contributions is not None:
            of_model = decision.model.score or 0.0
            decision.reasons = reasons(
                self._spoken[row], payment.matches, of_model, contributions, self._sampling.names
            )
        decision.features = _encoded(self._named(row))
        severity = decision.level
        for match in payment.matches:
            severity = max_level(severity, match.severity)
        return Alert(
            **msgspec.structs.asdict(decision),
            alert_id=alert_id(payment.user_id, payment.transaction_id),
            severity=severity,
            recommended_action=decision.action,
            requires_action=decision.action in ("block", "challenge"),
            pattern_transactions=_transactions(payment.matches),
            amount=payment.amount,
            transaction=msgspec.Raw(payment.value),
        )

    def _named(self, row: int) -> dict[str, float | None]:
        """The features by name; what is absent is NaN, which the encoder writes as null, since JSON has none."""
        return dict(zip(self._sampling.names, self._features[row].tolist(), strict=True))


def _encoded(value: T) -> T:
    """What is written more than once, as JSON already: for the encoder it stands for the value itself."""
    return cast("T", msgspec.Raw(_encoder.encode(value)))


def _transactions(matches: Sequence[Match]) -> list[str]:
    return list(dict.fromkeys(one for match in matches for one in match.transaction_ids))
