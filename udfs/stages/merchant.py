"""The merchant stage: merchant features and patterns, then rules, model and decision, and the minute metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from state.profiles.shared_profile import MerchantProfile
from state.store.keyed_state import KeyedState
from udfs.control.in_force import ControlInForce
from udfs.control.log import LogEvent, LogRecord
from udfs.control.record import STAGES, read_version
from udfs.decision import Thresholds
from udfs.features.catalogue import DEVICE_WIDTH, FEATURE_NAMES, USER_WIDTH
from udfs.features.shared_block import MERCHANT_BLOCK
from udfs.names import ShardEntry
from udfs.patterns import Entity
from udfs.records.label import Label
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet
from udfs.stages.decision_engine import DecisionBatch, DecisionEngine, ScoringModel
from udfs.stages.envelope import DeadLetter, Envelope, decode_envelope, is_control
from udfs.stages.minute_totals import MinuteAggregator, MinuteTotals
from udfs.stages.minute_windows import MinuteWindows
from udfs.stages.shard import Shard
from udfs.stages.stage import DownstreamStage, StageOptions, profile_store
from udfs.stages.stage_message import (
    Payment,
    StageMessage,
    decode_message,
    in_event_time,
    shard_of,
)


@dataclass(frozen=True, kw_only=True)
class MerchantStageOptions(StageOptions):
    """Options of the merchant stage.

    Attributes:
        rules: in force until a control record changes them.
        thresholds: in force until a control record changes them.
        model: None if none answers: rules then decide alone.
        sample_every: one decision in this many carries its features; 0 for none.
        list_exceptions: whether an allow of the user or the card wins over a block of the country or a network.
    """

    rules: RuleSet
    thresholds: Thresholds
    model: ScoringModel | None
    sample_every: int
    list_exceptions: bool = True


@dataclass
class MerchantOutput:
    """Output of a batch.

    Attributes:
        payments: n that were decided.
        features: of the payments, (n, F).
        decisions: encoded decisions and alerts.
        minutes: counts of the batch by minute, for the total of all merchants.
        closed: merchants' minutes that are complete.
        watermark: event time after the batch, epoch milliseconds.
        dead_letters: control records that were refused.
    """

    payments: list[Payment]
    features: NDArray[np.float64]
    decisions: DecisionBatch
    minutes: MinuteAggregator
    closed: list[MinuteTotals]
    watermark: int
    dead_letters: list[DeadLetter] = field(default_factory=list)


class MerchantStage(DownstreamStage[MerchantProfile]):
    """Computes merchant features, applies control, decides, and aggregates minutes; one component each."""

    def __init__(self, options: MerchantStageOptions) -> None:
        control = ControlInForce(options.rules, options.thresholds, options.patterns)
        super().__init__(options, Entity.MERCHANT, profile_store(MerchantProfile, options), control)
        self._engine = DecisionEngine(
            options.model, options.sample_every, FEATURE_NAMES, list_exceptions=options.list_exceptions
        )
        self._windows = MinuteWindows(options.idle_ms)
        self._displaced: list[tuple[str, bytes]] = []

    def process(self, records: Sequence[bytes], now_ms: int) -> MerchantOutput:
        """Process a batch.

        Args:
            records: encoded messages for attached shards, and control records, in order of arrival.
            now_ms: the wall clock, epoch milliseconds.
        """
        messages, dead_letters = self._decode(records, now_ms)
        self._apply_entries(messages)
        patterns = self._patterns_of_batch()
        matcher = self.matcher.batch(patterns, self._shards.values(), self.shard_of)
        minutes = self._windows.open(self.clock.watermark, now_ms)
        labels = [label for message in messages for label in message.labels]
        payments, upstream_features = in_event_time(messages, USER_WIDTH + DEVICE_WIDTH)
        features = self._features(payments, upstream_features, labels)
        merchant_ids = [payment.merchant_id for payment in payments]
        payments = self._on_lists(merchant_ids, self._match(matcher, merchant_ids, payments, features))
        watermark = self._advance(messages, now_ms)
        matcher.on_watermark()
        decisions = self._engine.decide(payments, features, self.control, patterns, minutes, now_ms)
        closed = self._windows.close(minutes, watermark)
        self._after_batch([*merchant_ids, *(label.merchant_id for label in labels)])
        return MerchantOutput(payments, features, decisions, minutes, closed, watermark, dead_letters)

    def attach(self, number: int, state: KeyedState, lists: KeyedState | None = None) -> None:
        """Load a shard from its state, with the minutes of its merchants that are open."""
        super().attach(number, state, lists)
        self._windows.restore(state.get(ShardEntry.MINUTES.value))

    def idle_deadline(self) -> int | None:
        """When an instance without further batches closes its minutes, wall clock, epoch ms; None for never."""
        return self._windows.idle_deadline()

    def close_idle(self, now_ms: int) -> list[MinuteTotals]:
        """Close the minutes of an idle instance, since event time will not.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        return self._windows.close_idle(now_ms)

    def _entries(self, shard: Shard[MerchantProfile]) -> dict[str, bytes]:
        shards = self._stage_options.shards
        packed = self._windows.pack(lambda merchant_id: shard_of(merchant_id, shards) == shard.number)
        return {} if packed is None else {ShardEntry.MINUTES.value: packed}

    def _decode(self, records: Sequence[bytes], now_ms: int) -> tuple[list[StageMessage], list[DeadLetter]]:
        """Decode messages and apply control records; refusals of control become dead letters."""
        messages: list[StageMessage] = []
        dead_letters: list[DeadLetter] = []
        for record in records:
            if not is_control(record):
                messages.append(decode_message(record))
                continue
            envelope = decode_envelope(record)
            refusal = self._apply_control(envelope, now_ms)
            # Every subtask refuses the record; that of the first shard says so.
            if refusal is not None and 0 in self._shards:
                dead_letters.append(DeadLetter(envelope, refusal))
                self._log_refused(envelope, refusal, now_ms)
        return messages, dead_letters

    def _log_refused(self, envelope: Envelope, refusal: Refusal, now_ms: int) -> None:
        """Log a refusal, and have the record in force written again.

        The topic is compacted: a new job would find the refused record in place of the good one.
        """
        kind = (envelope.key or b"").decode(errors="replace")
        self._acknowledgements.append(
            LogRecord(
                at=now_ms,
                event=LogEvent.REFUSED,
                kind=kind if kind in STAGES else "",
                version=read_version(envelope.value),
                offset=envelope.offset,
                stage=self._entity,
                shards=sorted(self._shards),
                shards_of_stage=self._stage_options.shards,
                detail=refusal.detail,
            )
        )
        in_force = self.control.record(kind)
        if in_force is not None:
            self._displaced.append((kind, in_force))

    def drain_displaced(self) -> list[tuple[str, bytes]]:
        """Return kinds and values of control records to write again since the last call."""
        displaced, self._displaced = self._displaced, []
        return displaced

    def _features(
        self,
        payments: Sequence[Payment],
        upstream_features: NDArray[np.float64],
        labels: Sequence[Label],
    ) -> NDArray[np.float64]:
        """All features (n, F) in catalogue order: those of the stages before, then the merchant's."""
        pairs = [(self.profile_of(payment.merchant_id), payment) for payment in payments]
        labelled = [(self.profile_of(label.merchant_id), label) for label in labels]
        return np.hstack((upstream_features, MERCHANT_BLOCK.update_and_compute(pairs, labelled)))
