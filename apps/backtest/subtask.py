"""One subtask of a backtest: the stages of the job for a part of the shards, and the policies that decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.backtest.judge import MAX_ABLATED, Ablation, Judge, ScoredOnce, rows_by_cause
from apps.backtest.outcome import Decided, Ints, Outcome, read_decisions
from apps.backtest.policy import PolicyDocuments, shared_patterns
from models.artefact import load
from models.scorer import Scorer
from state.kernel.times import HOUR_MS
from udfs.features.catalogue import FEATURE_NAMES, feature_hash
from udfs.pipeline import Pipeline
from udfs.records.limits import Limits
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.merchant import MerchantOutput
from udfs.stages.stage_message import Payment, SubtaskMessage

Control = Sequence[Sequence[bytes]]
"""Encoded control records, by pipeline."""
Messages = list[list[SubtaskMessage]]
"""Messages of a subtask, by pipeline."""
NEVER_MS = 2**62
_EXAMPLES = 20
"""Differing decisions that a subtask keeps of a batch."""


@dataclass(frozen=True, kw_only=True)
class SubtaskOptions:
    """Options of all subtasks.

    Attributes:
        policies: that decide; the features of those with the same patterns are computed once.
        model: folder of the model; None if rules decide alone.
        subtasks: number of subtasks, as the parallelism of a job.
        shards: of each stage.
        limits: of the records.
        out_of_orderness_ms: disorder within a partition that is not late, milliseconds.
        lateness_ms: lateness up to which features are exact, milliseconds.
        since_ms: earlier payments only fill profiles, epoch milliseconds.
        until_ms: payments from here on do not count, epoch milliseconds; None for no end.
        ablate: whether each rule and pattern is left out in turn, to see what is its own.
        keep_decisions: whether outcomes have the encoded decisions by the first policy.
        alone: whether every policy has stages of its own, since recorded control may change its patterns.
    """

    policies: Sequence[PolicyDocuments]
    model: Path | None
    subtasks: int
    shards: int = 64
    limits: Limits = field(default_factory=Limits)
    out_of_orderness_ms: int = 5_000
    lateness_ms: int = HOUR_MS
    since_ms: int = 0
    until_ms: int | None = None
    ablate: bool = True
    keep_decisions: bool = False
    alone: bool = False

    @property
    def groups(self) -> list[list[int]]:
        """Policies by pipeline; the first one of each decides in its stages."""
        return [[each] for each in range(len(self.policies))] if self.alone else shared_patterns(self.policies)


def check_model(options: SubtaskOptions) -> None:
    """Check the model before processes are started.

    Raises:
        ArtefactError: the model is damaged, or made for other features.
    """
    if options.model is not None:
        load(options.model, FEATURE_NAMES, feature_hash())


def load_model(options: SubtaskOptions) -> ScoredOnce | None:
    """Load the model, once for all subtasks of a process.

    Raises:
        ArtefactError: the model is damaged, or made for other features.
    """
    if options.model is None:
        return None
    return ScoredOnce(Scorer(load(options.model, FEATURE_NAMES, feature_hash())))


class Subtask:
    """The stages of one subtask, once for each set of patterns.

    Args:
        number: of the subtask.
        options: of all subtasks.
        model: of the options, loaded (``load_model``).
    """

    def __init__(self, number: int, options: SubtaskOptions, model: ScoredOnce | None) -> None:
        self._options = options
        self._model = model
        policies = options.policies
        self._groups = options.groups
        self._pipelines = [self._pipeline(number, policies[group[0]]) for group in self._groups]
        self._readers = [_PolicyReader(policy, self._model, ablate=options.ablate) for policy in policies]
        self._outcome = Outcome()

    def _pipeline(self, number: int, policy: PolicyDocuments) -> Pipeline:
        options = self._options
        return Pipeline(
            model=self._model,
            rules=policy.rule_set(),
            patterns=policy.pattern_set(),
            thresholds=policy.thresholds,
            limits=options.limits,
            out_of_orderness_ms=options.out_of_orderness_ms,
            lateness_ms=options.lateness_ms,
            shards=options.shards,
            subtask=number,
            subtasks=options.subtasks,
        )

    def users(self, records: Sequence[bytes], control: Control, now_ms: int) -> tuple[Messages, Messages]:
        """Process a batch in the user stage.

        Args:
            records: encoded envelopes of users of this subtask, in order of arrival.
            control: encoded control records, by pipeline.
            now_ms: the wall clock, epoch milliseconds.

        Returns:
            Messages to the device stage, and to the merchant stage.
        """
        outputs = [
            pipeline.users.process([*before, *records], now_ms)
            for pipeline, before in zip(self._pipelines, control, strict=True)
        ]
        self._outcome = Outcome(repeats=outputs[0].duplicates)
        self._outcome.refused.update(letter.refusal.reason.value for letter in outputs[0].dead_letters)
        return [output.to_devices for output in outputs], [output.to_merchants for output in outputs]

    def devices(self, messages: Sequence[Sequence[bytes]], control: Control, now_ms: int) -> Messages:
        """Process messages in the device stage, by pipeline; returns those to the merchant stage."""
        return [
            pipeline.devices.process([*before, *received], now_ms) if before or received else []
            for pipeline, before, received in zip(self._pipelines, control, messages, strict=True)
        ]

    def merchants(self, messages: Sequence[Sequence[bytes]], control: Control, now_ms: int) -> Outcome:
        """Process messages in the merchant stage, by pipeline, and decide by every policy."""
        outcome, self._outcome = self._outcome, Outcome()
        decided: dict[int, tuple[Decided, list[bytes]]] = {}
        for pipeline, group, before, received in zip(self._pipelines, self._groups, control, messages, strict=True):
            output = pipeline.merchants.process([*before, *received], now_ms)
            outcome.refused.update(letter.refusal.reason.value for letter in output.dead_letters)
            counted = _Counted.of(output, self._options)
            for policy in group:
                decided[policy] = self._readers[policy].read(counted, now_ms, again=policy != group[0])
            if group[0] == 0:
                outcome.transaction_ids = [payment.transaction_id for payment in counted.payments]
                outcome.user_ids = [payment.user_id for payment in counted.payments]
                outcome.event_times = np.array([payment.event_time for payment in counted.payments], np.int64)
                outcome.amounts = np.array([payment.amount for payment in counted.payments], np.float64)
        outcome.decided = [decided[policy][0] for policy in sorted(decided)]
        if self._options.keep_decisions:
            outcome.decisions = decided[0][1]
        outcome.examples = _examples(outcome.decided, [decided[policy][1] for policy in sorted(decided)])
        return outcome


@dataclass
class _Counted:
    """The payments of a batch that count, with their features (n, F) and decisions."""

    payments: list[Payment]
    features: NDArray[np.float64]
    decisions: DecisionBatch

    @classmethod
    def of(cls, output: MerchantOutput, options: SubtaskOptions) -> _Counted:
        """Leave out the payments that do not count."""
        since, until = options.since_ms, NEVER_MS if options.until_ms is None else options.until_ms
        rows = [row for row, payment in enumerate(output.payments) if since <= payment.event_time < until]
        if len(rows) == len(output.payments):
            return cls(output.payments, output.features, output.decisions)
        made = output.decisions
        decisions = DecisionBatch(
            decision_keys=[made.decision_keys[row] for row in rows],
            decisions=[made.decisions[row] for row in rows],
            alert_keys=made.alert_keys,
            alerts=made.alerts,
        )
        return cls([output.payments[row] for row in rows], output.features[rows], decisions)


class _PolicyReader:
    """Reads the decisions by one policy, or makes them where another policy decided the batch."""

    def __init__(self, policy: PolicyDocuments, model: ScoredOnce | None, *, ablate: bool) -> None:
        self._causes = policy.causes()
        self._places: dict[tuple[str, str], int] = {
            (cause.kind, cause.id): place for place, cause in enumerate(self._causes)
        }
        self._judge = Judge(policy.rule_set(), policy.pattern_set(), policy.thresholds, model)
        self._ablation = Ablation(policy, model) if ablate and len(self._causes) <= MAX_ABLATED else None

    def read(self, counted: _Counted, now_ms: int, *, again: bool) -> tuple[Decided, list[bytes]]:
        """Read the decisions of a batch, or decide it ``again``; returns them encoded as well."""
        batch = counted.decisions
        if again:
            batch = self._judge.decide(counted.payments, counted.features, now_ms)
        decided = read_decisions(batch, self._places)
        if self._ablation is not None:
            decided.ablated = self._ablated(self._ablation, counted, decided, now_ms)
        return decided, batch.decisions

    def _ablated(self, ablation: Ablation, counted: _Counted, decided: Decided, now_ms: int) -> Ints:
        """What each cause changed: (p, 4), see ``Decided``."""
        changed = [np.empty((0, 4), np.int64)]
        for place, rows in rows_by_cause(decided.spoke.tolist()).items():
            batch = ablation.decide(self._causes[place], counted.payments, counted.features, rows, now_ms)
            without = read_decisions(batch, {})
            differs = (without.actions != decided.actions[rows]) | (without.alerts != decided.alerts[rows])
            columns = (rows, np.full(len(rows), place), without.actions, without.alerts)
            changed.append(np.column_stack(columns)[differs].astype(np.int64))
        return np.concatenate(changed)


def _examples(decided: Sequence[Decided], encoded: Sequence[list[bytes]]) -> list[tuple[int, list[bytes]]]:
    """Decisions on which the first two policies differ."""
    if len(decided) < 2:
        return []
    one, other = decided[:2]
    rows = np.flatnonzero((one.actions != other.actions) | (one.alerts != other.alerts))
    return [(row, [values[row] for values in encoded[:2]]) for row in rows[:_EXAMPLES].tolist()]
