"""The merchant stage: merchant features, then rules, model and decision.

It knows no engine: it is given a batch of one shard and the state of that shard, and returns what is to be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from state.event_time_clock import NO_WATERMARK, EventTimeClock
from state.profiles.shared_profile import MerchantProfile
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore, ShardProfiles
from udfs.decision import Thresholds
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.features.shared_block import MERCHANT_BLOCK
from udfs.names import ShardEntry
from udfs.patterns import Entity, PatternSet, default_patterns
from udfs.records.label import Label
from udfs.rules import RuleSet
from udfs.stages.clocks import ShardClocks, advance
from udfs.stages.control_state import ShardControl, ShardControls
from udfs.stages.decision_engine import DecisionBatch, Policy, Sampling, ScoringModel, decide
from udfs.stages.envelope import DeadLetter, decode_envelope, is_control
from udfs.stages.minute_totals import MinuteAggregator, MinuteTotals
from udfs.stages.open_windows import OpenWindows
from udfs.stages.pattern_matching import PatternMatcher
from udfs.stages.stage import Stage
from udfs.stages.stage_message import Payment, StageMessage, decode_message, in_event_time, with_matches


@dataclass(frozen=True, kw_only=True)
class MerchantStageOptions:
    """What the stage is told when it starts.

    Attributes:
        names: of all features, in order.
        rules: in force until control says otherwise.
        bands: likewise.
        model: None if there is none to ask; rules then decide alone.
        sample_every: every so many-th decision carries its features; 0 for none.
        lateness_ms: how late a payment may come and be decided and matched exactly.
        idle_ms: wall-clock time after which a silent shard no longer holds event time back.
        cached_profiles: decoded profiles kept.
        changelog: whether a checkpoint writes what changed, and not every profile that did.
        patterns: in force until control says otherwise.
    """

    names: Sequence[str]
    rules: RuleSet
    bands: Thresholds
    model: ScoringModel | None
    sample_every: int
    lateness_ms: int
    idle_ms: int
    cached_profiles: int
    changelog: bool = True
    patterns: PatternSet = field(default_factory=default_patterns)


@dataclass
class MerchantOutput:
    """What a batch came to.

    Attributes:
        payments: that were decided.
        features: of the payments, (n, F).
        verdicts: decisions and alerts.
        tally: what the batch adds to the metrics.
        over: of the metrics, the minutes of merchants that are over.
        before: event time that all shards of this subtask had reached before the batch, epoch milliseconds.
        watermark: the same after it.
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
    """One instance serves all the shards of a subtask; what a shard remembers is read when it first comes."""

    def __init__(self, options: MerchantStageOptions) -> None:
        self._options = options
        profiles = ProfileStore(
            partial(MerchantProfile, options.lateness_ms),
            partial(MerchantProfile.unpack, lateness=options.lateness_ms),
            MerchantProfile.pack_all,
            options.cached_profiles,
            MerchantProfile.changes if options.changelog else None,
        )
        self._sampling = Sampling(options.names, options.sample_every)
        clocks = ShardClocks(0, options.idle_ms)
        controls = ShardControls(options.names, lambda: ShardControl(options.rules, options.bands, options.patterns))
        super().__init__(profiles, clocks, controls, PatternMatcher(Entity.MERCHANT, options.lateness_ms))
        # Flink's watermark is one for the subtask: the slowest of its shards makes it.
        self._subtask_clock = EventTimeClock(0, options.idle_ms)
        self._watermark = NO_WATERMARK
        self._minutes: dict[int, OpenWindows] = {}
        self._heard: dict[int, int] = {}

    def process(self, shard: int, records: Sequence[bytes], backing: KeyedState, now_ms: int) -> MerchantOutput:
        """Take in a batch of one shard.

        Args:
            shard: its number.
            records: handoffs and control records, in the order in which they came.
            backing: the state of this shard, which lacks what is taken in until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.
        """
        profiles = self._profiles.shard(shard, backing)
        control = self._controls.of(shard, backing)
        dead_letters: list[DeadLetter] = []
        handoffs: list[StageMessage] = []
        for record in records:
            if is_control(record):
                dead_letters += self._change(shard, record, backing)
            else:
                handoffs.append(decode_message(record))
        clock = self._clocks.of(shard, backing)
        watched = self.watch.shard(shard, backing, profiles.get, control.patterns, clock.watermark)
        minutes = self._open_minutes(shard, backing)
        self._heard[shard] = now_ms
        # After a restart the windows that were closed before it stay closed.
        self._watermark = max(self._watermark, clock.watermark)
        before = self._watermark
        tally = MinuteAggregator(max(before, minutes.over_until))
        self._watermark = max(before, self._advance(shard, clock, handoffs, now_ms))
        labels = [label for handoff in handoffs for label in handoff.labels]
        payments, handed_over = in_event_time(handoffs, USER_WIDTH + DEVICE_WIDTH)
        features = self._features(payments, handed_over, labels, profiles)
        merchants = [payment.merchant_id for payment in payments]
        payments = with_matches(payments, watched.observe(merchants, payments, features))
        watched.on_watermark(clock.watermark)
        policy = Policy(control.rules, control.bands, self._options.model, control.patterns.versions)
        verdicts = decide(payments, features, policy, self._sampling, tally, now_ms)
        minutes.add(tally)
        over = minutes.close(self._watermark)
        profiles.after_batch(len(payments) + len(labels))
        return MerchantOutput(payments, features, verdicts, tally, over, before, self._watermark, dead_letters)

    def idle_deadline(self, shard: int) -> int | None:
        """When a shard, if nothing comes for it, no longer keeps its minutes open, wall clock, epoch milliseconds.

        None if it has none open, or was not heard from since the start.
        """
        heard = self._heard.get(shard)
        return None if heard is None or not self._minutes[shard] else heard + self._options.idle_ms

    def close_idle(self, shard: int, backing: KeyedState, now_ms: int) -> list[MinuteTotals]:
        """Let go the minutes of a shard that nothing has come for in ``idle_ms``: no event time will close them.

        Args:
            shard: its number. One that was not heard from since the start counts as heard from now.
            backing: the state of this shard.
            now_ms: the wall clock, epoch milliseconds.
        """
        minutes = self._open_minutes(shard, backing)
        self._heard.setdefault(shard, now_ms)
        silent_from = self.idle_deadline(shard)
        if silent_from is None or now_ms < silent_from:
            return []
        over = minutes.close(now_ms)
        self._heard[shard] = now_ms  # of payments that are ahead of the clock a minute may be open still
        # At once: of a shard that fell silent before a restart no checkpoint tells.
        backing.put_many({ShardEntry.MINUTES.value: minutes.pack()})
        return over

    def _features(
        self,
        payments: Sequence[Payment],
        handed_over: NDArray[np.float64],
        labels: Sequence[Label],
        profiles: ShardProfiles[MerchantProfile],
    ) -> NDArray[np.float64]:
        """(n, F), in the order of the catalogue; ``handed_over`` are the blocks of the stages before."""
        pairs = [(profiles.get(payment.merchant_id), payment) for payment in payments]
        labelled = [(profiles.get(label.merchant_id), label) for label in labels]
        return np.hstack((handed_over, MERCHANT_BLOCK.update_and_compute(pairs, labelled)))

    def _kept_beside(self, shard: int, backing: KeyedState) -> dict[str, bytes]:
        return {ShardEntry.MINUTES.value: self._open_minutes(shard, backing).pack()}

    def _open_minutes(self, shard: int, backing: KeyedState) -> OpenWindows:
        minutes = self._minutes.get(shard)
        if minutes is None:
            minutes = self._minutes[shard] = OpenWindows.of(backing)
        return minutes

    def _change(self, shard: int, record: bytes, backing: KeyedState) -> list[DeadLetter]:
        """Take a control record in; every shard gets it, and the first one answers for all."""
        envelope = decode_envelope(record)
        refusal = self._controls.change(shard, envelope, backing)
        return [DeadLetter(envelope, refusal)] if refusal is not None and shard == 0 else []

    def _advance(self, shard: int, clock: EventTimeClock, handoffs: Sequence[StageMessage], now_ms: int) -> int:
        reached = advance(clock, handoffs, now_ms)
        self._subtask_clock.observe(shard, reached)
        return self._subtask_clock.advance(now_ms, {shard})
