"""The user stage: reads records, refuses, drops what it has seen, computes user features, watches for patterns.

It knows no engine: it is given a batch of one shard and the state of that shard, and returns what is to be sent on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from state.event_time_clock import EventTimeClock
from state.profiles.user_profile import UserProfile
from state.store.keyed_state import KeyedState
from state.store.profile_store import ProfileStore, ShardProfiles
from udfs.features.catalogue import DEVICE_WIDTH, FEATURE_NAMES, USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent, update_and_compute
from udfs.names import Kind
from udfs.patterns import Entity, Match, PatternSet, default_patterns
from udfs.records.account_event import AccountEvent, decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.clocks import ShardClocks
from udfs.stages.control_state import ShardControl, ShardControls
from udfs.stages.envelope import DeadLetter, Envelope, decode_envelope
from udfs.stages.pattern_matching import Happened, PatternMatcher
from udfs.stages.stage import Stage
from udfs.stages.stage_message import Payment, partition_by_shard, shard_of


@dataclass(frozen=True, kw_only=True)
class UserStageOptions:
    """What the stage is told when it starts.

    Attributes:
        limits: of the records.
        device_shards: number of shards of the device stage.
        merchant_shards: likewise of the merchant stage.
        out_of_orderness_ms: disorder that is not called late.
        lateness_ms: how far behind the newest of its partition a payment may be and be decided and matched exactly.
        idle_ms: wall-clock time after which a silent partition no longer holds event time back.
        cached_profiles: decoded profiles kept.
        changelog: whether a checkpoint writes what changed, and not every profile that did.
        patterns: in force until control says otherwise.
    """

    limits: Limits
    device_shards: int
    merchant_shards: int
    out_of_orderness_ms: int
    lateness_ms: int
    idle_ms: int
    cached_profiles: int
    changelog: bool = True
    patterns: PatternSet = field(default_factory=default_patterns)


@dataclass
class UserOutput:
    """What a batch came to.

    Attributes:
        to_devices: number of the device shard, and a sealed ``Handoff`` for it.
        to_merchants: likewise of merchant shards: payments without a device, and labels.
        dead_letters: what was refused.
        transactions: how many are in the handoffs.
        duplicates: transactions that had been taken in before, and were dropped.
        late: how many of the transactions were late.
        too_late: how many of those were later than features are exact for.
    """

    to_devices: list[tuple[int, bytes]] = field(default_factory=list)
    to_merchants: list[tuple[int, bytes]] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    transactions: int = 0
    duplicates: int = 0
    late: int = 0
    too_late: int = 0


@dataclass
class _Batch:
    """A batch while it is worked on; lists of equal length belong together."""

    opened: list[tuple[UserProfile, Transaction]] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    behind_ms: list[int] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    account_events: list[PositionedAccountEvent] = field(default_factory=list)
    matches: Sequence[tuple[Match, ...]] = ()
    labels: list[Label] = field(default_factory=list)
    partitions: set[int] = field(default_factory=set)


class UserStage(Stage[UserProfile]):
    """One instance serves all the shards of a subtask; a shard's clock is read from its state when it first comes."""

    def __init__(self, options: UserStageOptions) -> None:
        self._options = options
        profiles = ProfileStore(
            partial(UserProfile, options.lateness_ms),
            partial(UserProfile.unpack, lateness=options.lateness_ms),
            UserProfile.pack_all,
            options.cached_profiles,
            UserProfile.changes if options.changelog else None,
        )
        clocks = ShardClocks(options.out_of_orderness_ms, options.idle_ms)
        controls = ShardControls(FEATURE_NAMES, lambda: ShardControl(patterns=options.patterns))
        super().__init__(profiles, clocks, controls, PatternMatcher(Entity.USER, options.lateness_ms))

    def process(self, shard: int, records: Sequence[bytes], backing: KeyedState, now_ms: int) -> UserOutput:
        """Take in a batch of one shard.

        Args:
            shard: its number.
            records: sealed envelopes, in the order in which Kafka had them.
            backing: the state of this shard, which lacks what is taken in until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.
        """
        profiles = self._profiles.shard(shard, backing)
        clock = self._clocks.of(shard, backing)
        batch, output = _Batch(), UserOutput()
        for record in records:
            envelope = decode_envelope(record)
            if envelope.kind == Kind.CONTROL:
                # What is refused is answered for by the merchant stage, which takes all that is sent.
                self._controls.change(shard, envelope, backing)
                continue
            refusal = self._take(envelope, batch, output, clock, profiles, now_ms)
            if refusal is not None:
                output.dead_letters.append(DeadLetter(envelope, refusal))
        control = self._controls.of(shard, backing)
        watched = self.watch.shard(shard, backing, profiles.get, control.patterns, clock.watermark)
        payments = [transaction for _, transaction in batch.opened]
        users = [transaction.user_id for transaction in payments]
        features = update_and_compute(batch.opened, batch.account_events)
        happened = [Happened(row, event) for row, _, event in batch.account_events]
        batch.matches = watched.observe(users, payments, features, happened)
        watermark = clock.advance(now_ms, batch.partitions)
        watched.on_watermark(watermark)
        self._hand_over(shard, watermark, batch, features, output)
        output.transactions = len(batch.opened)
        profiles.after_batch(len(batch.opened) + len(batch.account_events))
        return output

    def _take(
        self,
        envelope: Envelope,
        batch: _Batch,
        output: UserOutput,
        clock: EventTimeClock,
        profiles: ShardProfiles[UserProfile],
        now_ms: int,
    ) -> Refusal | None:
        """Take one record in, or say why not."""
        kind, value, key, limits = envelope.kind, envelope.value, envelope.key, self._options.limits
        if kind == Kind.TRANSACTION:
            transaction = decode_transaction(value, key, now_ms, limits)
            if isinstance(transaction, Refusal):
                return transaction
            if not self._take_transaction(transaction, envelope, batch, clock, profiles):
                output.duplicates += 1
        elif kind == Kind.ACCOUNT_EVENT:
            event = decode_account_event(value, key, now_ms, limits)
            if isinstance(event, Refusal):
                return event
            self._take_account_event(event, batch, profiles)
        elif kind == Kind.LABEL:
            label = decode_label(value, key, now_ms, limits)
            if isinstance(label, Refusal):
                return label
            batch.labels.append(label)
        return None

    def _take_transaction(
        self,
        transaction: Transaction,
        envelope: Envelope,
        batch: _Batch,
        clock: EventTimeClock,
        profiles: ShardProfiles[UserProfile],
    ) -> bool:
        """False if it is a repetition, which changes nothing."""
        identity = (transaction.user_id, transaction.transaction_id)
        profile = profiles.get(transaction.user_id)
        if identity in batch.seen or profile.has_seen(transaction.transaction_id):
            return False
        batch.seen.add(identity)
        batch.partitions.add(envelope.partition)
        batch.opened.append((profile, transaction))
        batch.values.append(envelope.value or b"")
        batch.behind_ms.append(clock.observe(envelope.partition, transaction.event_time))
        return True

    def _take_account_event(self, event: AccountEvent, batch: _Batch, profiles: ShardProfiles[UserProfile]) -> None:
        profile = profiles.get(event.user_id)
        batch.account_events.append(PositionedAccountEvent(len(batch.opened), profile, event))

    def _hand_over(
        self, shard: int, watermark: int, batch: _Batch, features: NDArray[np.float64], output: UserOutput
    ) -> None:
        """Regroup: payments with a device by device shard, the others by merchant shard at once; labels by both."""
        payments = self._payments(batch)
        output.late = sum([payment.late for payment in payments])
        output.too_late = sum([payment.too_late for payment in payments])
        with_device = [row for row, payment in enumerate(payments) if payment.device_id is not None]
        without = [row for row, payment in enumerate(payments) if payment.device_id is None]
        named = [payments[row] for row in with_device]
        output.to_devices = self._to_devices(shard, watermark, named, features[with_device], batch)
        # Merchants must not take for complete what is still on its way through the device stage.
        on_their_way = [payment.event_time for payment in named if not payment.late]
        direct = np.full((len(without), USER_WIDTH + DEVICE_WIDTH), np.nan)
        direct[:, :USER_WIDTH] = features[without]
        others, shards = [payments[row] for row in without], self._options.merchant_shards
        output.to_merchants = partition_by_shard(
            others,
            direct,
            batch.labels,
            (
                [shard_of(payment.merchant_id, shards) for payment in others],
                [shard_of(label.merchant_id, shards) for label in batch.labels],
            ),
            shard,
            min([watermark, *on_their_way]),
        )

    def _payments(self, batch: _Batch) -> list[Payment]:
        late_ms, too_late_ms = self._options.out_of_orderness_ms, self._options.lateness_ms
        rows = zip(batch.opened, batch.behind_ms, batch.matches, batch.values, strict=True)
        return [
            Payment(
                transaction.transaction_id,
                transaction.user_id,
                transaction.merchant_id,
                transaction.device_id,
                transaction.amount,
                transaction.event_time,
                transaction.declined,
                behind_ms > late_ms,
                matches,
                value,
                behind_ms > too_late_ms,
            )
            for (_, transaction), behind_ms, matches, value in rows
        ]

    def _to_devices(
        self, shard: int, watermark: int, payments: list[Payment], features: NDArray[np.float64], batch: _Batch
    ) -> list[tuple[int, bytes]]:
        shards = self._options.device_shards
        labels = [label for label in batch.labels if label.device_id is not None]
        targets = (
            [shard_of(payment.device_id or "", shards) for payment in payments],
            [shard_of(label.device_id or "", shards) for label in labels],
        )
        return partition_by_shard(payments, features, labels, targets, shard, watermark)
