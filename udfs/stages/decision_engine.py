"""The decision engine: features in, encoded decisions and alerts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.control.in_force import ControlInForce
from udfs.decision import (
    NO_SHADOW,
    SCORE_DIGITS,
    Action,
    Alert,
    Decision,
    ModelAnswer,
    Shadow,
    Thresholds,
    Versions,
    alert_id,
    level,
    max_level,
)
from udfs.explanation import reasons
from udfs.lists.effect import MODEL, NO_EFFECT, ListEffect, is_silenced, list_effect
from udfs.lists.silencing import without_silenced, without_silenced_matches
from udfs.patterns import Match, PatternSet
from udfs.rules import Rule, RuleSet
from udfs.stages.minute_totals import MinuteAggregator
from udfs.stages.stage_message import Payment

_encoder = msgspec.json.Encoder()
T = TypeVar("T")


class ScoringModel(Protocol):
    """A model that scores and explains (``models.scorer.Scorer``)."""

    version: str

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score features (n, F): (n,), 0 to 1."""

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Contributions of features (n, F) to the scores: (n, F), log-odds."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What decides a batch.

    Attributes:
        rules: in force.
        thresholds: in force.
        model: None if none answers: rules then decide alone.
        patterns: versions of the patterns in force, by pattern id.
        thresholds_version: of the control record of the thresholds; 0 for those of the settings.
        list_exceptions: whether an allow of the user or the card wins over a block of the country or a network.
    """

    rules: RuleSet
    thresholds: Thresholds
    model: ScoringModel | None
    patterns: dict[str, int]
    thresholds_version: int
    list_exceptions: bool = True


@dataclass
class DecisionBatch:
    """Records to write to Kafka; ``decision_keys`` and ``decisions`` belong together, as do the other two."""

    decision_keys: list[bytes] = field(default_factory=list)
    decisions: list[bytes] = field(default_factory=list)
    alert_keys: list[bytes] = field(default_factory=list)
    alerts: list[bytes] = field(default_factory=list)


class DecisionEngine:
    """Decides payments by rules, matches and a model.

    Args:
        model: None if none answers: rules then decide alone.
        sample_every: one decision in this many carries its features (0: none); alerts always do.
        names: of the features, in order.
        list_exceptions: whether an allow of the user or the card wins over a block of the country or a network.
    """

    def __init__(
        self, model: ScoringModel | None, sample_every: int, names: Sequence[str], *, list_exceptions: bool = True
    ) -> None:
        self._list_exceptions = list_exceptions
        self._model = model
        self._sample_every = sample_every
        self._names = names

    def decide(
        self,
        payments: Sequence[Payment],
        features: NDArray[np.float64],
        control: ControlInForce,
        patterns: PatternSet,
        minutes: MinuteAggregator,
        now_ms: int,
    ) -> DecisionBatch:
        """Decide payments, and encode the decisions and alerts.

        Args:
            payments: n of them, in order of event time, with their pattern matches.
            features: (n, F), NaN where absent.
            control: rules and thresholds by event time.
            patterns: that found the matches.
            minutes: counts the decisions.
            now_ms: the wall clock, epoch milliseconds.
        """
        decisions = DecisionBatch()
        for span in control.spans([payment.event_time for payment in payments]):
            moment = payments[span][0].event_time
            thresholds = control.thresholds_at(moment)
            policy = Policy(
                rules=control.rules_at(moment),
                thresholds=thresholds.value,
                model=self._model,
                patterns=patterns.versions,
                thresholds_version=thresholds.version,
                list_exceptions=self._list_exceptions,
            )
            batch = _Batch(payments[span], features[span], policy, self._sample_every, self._names)
            batch.write(decisions, minutes, now_ms)
        return decisions


class _Batch:
    """One batch: scores are computed by column, decisions are written by row."""

    def __init__(
        self,
        payments: Sequence[Payment],
        features: NDArray[np.float64],
        policy: Policy,
        sample_every: int,
        names: Sequence[str],
    ) -> None:
        self._payments = without_silenced_matches(payments)
        self._features = features
        self._policy = policy
        self._sample_every = sample_every
        self._names = names
        hits = policy.rules.evaluate(features, payments)
        self._hits = hits.by_row()
        self._shadow = hits.in_shadow()
        model = policy.model
        self._model_scores: Sequence[float | None] = [None] * len(payments)
        scores = hits.additions
        if model is not None:
            answers = model.score(features)
            self._model_scores = np.round(answers, SCORE_DIGITS).tolist()
            scores = answers + scores
        for row, payment in enumerate(payments):
            if payment.silenced:
                rules, score = without_silenced(self._hits[row], self._model_scores[row] or 0.0, payment.silenced)
                self._hits[row], scores[row] = rules, score
        self._effects = [
            list_effect(payment.lists, exceptions=policy.list_exceptions) if payment.lists else NO_EFFECT
            for payment in payments
        ]
        # Additions are capped at 1; floors raise lower scores.
        self._uncapped = scores
        self._scores: list[float] = np.round(np.minimum(scores, 1.0), SCORE_DIGITS).tolist()
        self._model_version = None if model is None else model.version
        self._versions = _encoded(
            Versions(policy.rules.version, policy.patterns, policy.thresholds_version, self._model_version)
        )

    def write(self, decisions: DecisionBatch, minutes: MinuteAggregator, now_ms: int) -> None:
        thresholds = self._policy.thresholds
        final = [
            self._raised(score, rules, payment.matches, effect) if rules or payment.matches or effect.action else score
            for score, rules, payment, effect in zip(
                self._scores, self._hits, self._payments, self._effects, strict=True
            )
        ]
        alerted = [
            row
            for row, (score, effect) in enumerate(zip(final, self._effects, strict=True))
            if score >= thresholds.alert and not effect.spares
        ]
        explained = self._explain(alerted)
        for row, (payment, score) in enumerate(zip(self._payments, final, strict=True)):
            key = payment.user_id.encode()
            decision = self._decision(row, score, now_ms)
            is_alert = row in explained
            if is_alert:
                alert = self._alert(row, decision, explained[row])
                decisions.alert_keys.append(key)
                decisions.alerts.append(_encoder.encode(alert))
            decisions.decision_keys.append(key)
            decisions.decisions.append(_encoder.encode(decision))
            minutes.add(
                payment.merchant_id,
                payment.event_time,
                payment.amount,
                decision.action,
                alert=is_alert,
                late=payment.late,
                too_late=payment.too_late,
            )

    def _explain(self, rows: Sequence[int]) -> dict[int, NDArray[np.float64] | None]:
        """The model's contributions to the scores of alerts, by row, in one call; None where rules decide alone."""
        model = self._policy.model
        if model is None or not rows:
            return dict.fromkeys(rows)
        features = self._features[rows]
        # An absent feature is no reason that an analyst could use.
        contributions = np.where(np.isnan(features), 0.0, model.contributions(features))
        return {
            row: None if is_silenced(MODEL, self._payments[row].silenced) else parts
            for row, parts in zip(rows, contributions, strict=True)
        }

    def _raised(self, score: float, rules: Sequence[Rule], matches: Sequence[Match], effect: ListEffect) -> float:
        """The score, raised to the floors of rules, matches and lists."""
        for rule in rules:
            score = max(score, rule.at_least or 0.0, self._policy.thresholds.floor(rule.action))
        for match in matches:
            score = max(score, match.score)
        return score if effect.spares else max(score, self._policy.thresholds.floor(effect.action))

    def _decision(self, row: int, score: float, now_ms: int) -> Decision:
        payment, policy, rules = self._payments[row], self._policy, self._hits[row]
        without_model, every, matches = policy.model is None, self._sample_every, payment.matches
        effect = self._effects[row]
        # Positional, in field order: keywords make construction cost 1.0 us instead of 0.25.
        return Decision(
            payment.transaction_id,
            payment.user_id,
            payment.merchant_id,
            self._action(score, effect),
            score,
            level(score),
            ModelAnswer(self._model_version, self._model_scores[row], without_model),
            [rule.id for rule in rules],
            # A late payment may complete a pattern several times, for payments that came before it.
            list(dict.fromkeys(match.pattern for match in matches)) if matches else [],
            [*effect.reasons, *(reasons(rules, matches) if rules or matches else ())],
            self._shadow_of(row) if row in self._shadow else NO_SHADOW,
            # Sampled by id: a replayed decision is the same, and event times may all be whole minutes.
            self._named(row) if every and crc32(payment.transaction_id.encode()) % every == 0 else {},
            self._versions,
            payment.event_time,
            now_ms,
            payment.late,
            payment.ahead,
            payment.ignored,
            without_model or payment.too_late,
            payment.conversion,
            payment.lists,
        )

    def _action(self, score: float, effect: ListEffect) -> Action:
        return effect.action if effect.is_final and effect.action else self._policy.thresholds.action(score)

    def _shadow_of(self, row: int) -> Shadow:
        """What the decision would be with the rules in shadow that fired for it."""
        payment, effect = self._payments[row], self._effects[row]
        fired = [rule for rule in self._shadow[row] if not is_silenced(rule.id, payment.silenced)]
        if not fired:
            return NO_SHADOW
        score = min(1.0, float(self._uncapped[row]) + sum(rule.add or 0.0 for rule in fired))
        score = self._raised(round(score, SCORE_DIGITS), [*self._hits[row], *fired], payment.matches, effect)
        names = tuple(rule.id for rule in fired)
        return Shadow(score, self._action(score, effect), tuple(reasons(fired, ())), names)

    def _alert(self, row: int, decision: Decision, contributions: NDArray[np.float64] | None) -> Alert:
        """Make the alert; adds to the decision the reasons and features that only alerts carry."""
        payment = self._payments[row]
        if contributions is not None:
            score = decision.model.score or 0.0
            explained = reasons(self._hits[row], payment.matches, score, contributions, self._names)
            decision.reasons = [*self._effects[row].reasons, *explained]
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
        """The features by name; NaN (absent) is encoded as null."""
        return dict(zip(self._names, self._features[row].tolist(), strict=True))


def _encoded(value: T) -> T:
    """Encode a value once that is written several times; the encoder copies the result as it is."""
    return cast("T", msgspec.Raw(_encoder.encode(value)))


def _transactions(matches: Sequence[Match]) -> list[str]:
    return list(dict.fromkeys(one for match in matches for one in match.transaction_ids))
