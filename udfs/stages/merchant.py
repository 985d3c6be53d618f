"""The merchant stage: merchant features and patterns, then rules, model and decision, and the minute metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from state.profiles.shared_profile import MerchantProfile
from state.store.keyed_state import KeyedState
from udfs.decision import Thresholds
from udfs.features.catalogue import DEVICE_WIDTH, FEATURE_NAMES, USER_WIDTH
from udfs.features.shared_block import MERCHANT_BLOCK
from udfs.patterns import Entity
from udfs.records.label import Label
from udfs.rules import RuleSet
from udfs.stages.control_in_force import ControlInForce
from udfs.stages.decision_engine import DecisionBatch, DecisionEngine, ScoringModel
from udfs.stages.envelope import DeadLetter, decode_envelope, is_control
from udfs.stages.minute_totals import MinuteAggregator, MinuteTotals
from udfs.stages.minute_windows import MinuteWindows
from udfs.stages.shard import Shard
from udfs.stages.stage import Stage, StageOptions, profile_store
from udfs.stages.stage_message import Payment, StageMessage, decode_message, in_event_time, with_matches


@dataclass(frozen=True, kw_only=True)
class MerchantStageOptions(StageOptions):
    """Options of the merchant stage.

    Attributes:
        rules: in force until a control record changes them.
        thresholds: in force until a control record changes them.
        model: None if none answers: rules then decide alone.
        sample_every: one decision in this many carries its features; 0 for none.
    """

    rules: RuleSet
    thresholds: Thresholds
    model: ScoringModel | None
    sample_every: int


@dataclass
class MerchantOutput:
    """Output of a batch.

    Attributes:
        payments: n that were decided.
        features: of the payments, (n, F).
        decisions: encoded decisions and alerts.
        minutes: counts of the batch by minute, for the total of all merchants.
        closed: merchants' minutes that are complete.
        before: event time that all shards of this subtask had reached before the batch, epoch milliseconds.
        watermark: event time that they have reached after it, epoch milliseconds.
        dead_letters: control records that were refused.
    """

    payments: list[Payment]
    features: NDArray[np.float64]
    decisions: DecisionBatch
    minutes: MinuteAggregator
    closed: list[MinuteTotals]
    before: int
    watermark: int
    dead_letters: list[DeadLetter] = field(default_factory=list)


class MerchantStage(Stage[MerchantProfile]):
    """Computes merchant features, applies control, decides, and aggregates minutes; one component each."""

    def __init__(self, options: MerchantStageOptions) -> None:
        super().__init__(options, Entity.MERCHANT, profile_store(MerchantProfile, options))
        self._options = options
        self._engine = DecisionEngine(options.model, options.sample_every, FEATURE_NAMES)
        self._windows = MinuteWindows(options.idle_ms)

    def process(self, number: int, records: Sequence[bytes], state: KeyedState, now_ms: int) -> MerchantOutput:
        """Process a batch of one shard.

        Args:
            number: of the shard.
            records: encoded stage messages and control records, in order of arrival.
            state: keyed state of the shard; it lacks the batch until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.
        """
        shard = self.shard(number, state)
        messages, dead_letters = self._decode(shard, records)
        matcher = self.matcher.batch(shard.profiles.get, shard.pending, shard.control.patterns, shard.clock.watermark)
        minutes = self._windows.open(shard, now_ms)
        before = self._windows.watermark
        self._windows.advance(shard, self._advance(shard, messages, now_ms), now_ms)
        labels = [label for message in messages for label in message.labels]
        payments, upstream_features = in_event_time(messages, USER_WIDTH + DEVICE_WIDTH)
        features = self._features(shard, payments, upstream_features, labels)
        merchant_ids = [payment.merchant_id for payment in payments]
        payments = with_matches(payments, matcher.observe(merchant_ids, payments, features))
        matcher.on_watermark(shard.clock.watermark)
        decisions = self._engine.decide(payments, features, shard.control, minutes, now_ms)
        closed = self._windows.close(shard, minutes)
        shard.profiles.after_batch(len(payments) + len(labels))
        watermark = self._windows.watermark
        return MerchantOutput(payments, features, decisions, minutes, closed, before, watermark, dead_letters)

    def idle_deadline(self, number: int) -> int | None:
        """When a shard without further batches closes its minutes, wall clock, epoch milliseconds; None for never."""
        shard = self._shards.get(number)
        return None if shard is None else self._windows.idle_deadline(shard)

    def close_idle(self, number: int, state: KeyedState, now_ms: int) -> list[MinuteTotals]:
        """Close the minutes of a shard that is idle.

        Args:
            number: of the shard.
            state: keyed state of the shard.
            now_ms: the wall clock, epoch milliseconds.
        """
        return self._windows.close_idle(self.shard(number, state), now_ms)

    def _default_control(self) -> ControlInForce:
        options = self._options
        return ControlInForce(options.rules, options.thresholds, options.patterns)

    def _decode(
        self, shard: Shard[MerchantProfile], records: Sequence[bytes]
    ) -> tuple[list[StageMessage], list[DeadLetter]]:
        """Decode messages and apply control records; refusals of control become dead letters."""
        messages: list[StageMessage] = []
        dead_letters: list[DeadLetter] = []
        for record in records:
            if not is_control(record):
                messages.append(decode_message(record))
                continue
            envelope = decode_envelope(record)
            refusal = self._apply_control(shard, envelope)
            # Every shard refuses the record; one of them writes the dead letter.
            if refusal is not None and shard.number == 0:
                dead_letters.append(DeadLetter(envelope, refusal))
        return messages, dead_letters

    @staticmethod
    def _features(
        shard: Shard[MerchantProfile],
        payments: Sequence[Payment],
        upstream_features: NDArray[np.float64],
        labels: Sequence[Label],
    ) -> NDArray[np.float64]:
        """All features (n, F) in catalogue order: those of the stages before, then the merchant's."""
        pairs = [(shard.profiles.get(payment.merchant_id), payment) for payment in payments]
        labelled = [(shard.profiles.get(label.merchant_id), label) for label in labels]
        return np.hstack((upstream_features, MERCHANT_BLOCK.update_and_compute(pairs, labelled)))
