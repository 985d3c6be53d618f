"""The user stage: reads records, refuses bad ones, drops duplicates, computes user features, matches user patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from state.profiles.user_profile import UserProfile
from state.store.keyed_state import KeyedState
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent, update_and_compute
from udfs.names import Kind
from udfs.patterns import Entity, Match
from udfs.records.account_event import decode_account_event
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.envelope import DeadLetter, Envelope, decode_envelope
from udfs.stages.shard import Shard
from udfs.stages.stage import Stage, StageOptions, profile_store
from udfs.stages.stage_message import Payment, partition_by_shard, shard_of


@dataclass(frozen=True, kw_only=True)
class UserStageOptions(StageOptions):
    """Options of the user stage.

    Attributes:
        limits: of the records.
        device_shards: number of shards of the device stage.
        merchant_shards: number of shards of the merchant stage.
        out_of_orderness_ms: disorder within a partition that is not late, milliseconds.
    """

    limits: Limits
    device_shards: int
    merchant_shards: int
    out_of_orderness_ms: int


@dataclass
class UserOutput:
    """Output of a batch.

    Attributes:
        to_devices: number of a device shard, and an encoded ``StageMessage`` for it.
        to_merchants: number of a merchant shard, and an encoded message for it: payments without a device, and labels.
        dead_letters: records that were refused.
        transactions: number of payments in the messages.
        duplicates: number of transactions that were dropped, since they had been processed before.
        late: number of late payments.
        too_late: number of payments that are later than features are exact for.
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
    """A batch while it is processed; ``payments``, ``values``, ``behind_ms`` and ``matches`` have equal length."""

    payments: list[tuple[UserProfile, Transaction]] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    behind_ms: list[int] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    account_events: list[PositionedAccountEvent] = field(default_factory=list)
    matches: Sequence[tuple[Match, ...]] = ()
    labels: list[Label] = field(default_factory=list)
    partitions: set[int] = field(default_factory=set)


class UserStage(Stage[UserProfile]):
    """Reads the records of users, computes their features and matches their patterns."""

    def __init__(self, options: UserStageOptions) -> None:
        super().__init__(options, Entity.USER, profile_store(UserProfile, options), options.out_of_orderness_ms)
        self._options = options

    def process(self, number: int, records: Sequence[bytes], state: KeyedState, now_ms: int) -> UserOutput:
        """Process a batch of one shard.

        Args:
            number: of the shard.
            records: encoded envelopes, in order of arrival.
            state: keyed state of the shard; it lacks the batch until ``checkpoint``.
            now_ms: the wall clock, epoch milliseconds.
        """
        shard = self.shard(number, state)
        batch, output = _Batch(), UserOutput()
        for record in records:
            envelope = decode_envelope(record)
            refusal = self._read(shard, envelope, batch, output, now_ms)
            if refusal is not None:
                output.dead_letters.append(DeadLetter(envelope, refusal))
        matcher = self.matcher.batch(shard.profiles.get, shard.pending, shard.control.patterns, shard.clock.watermark)
        features = update_and_compute(batch.payments, batch.account_events)
        batch.matches = matcher.observe(
            [transaction.user_id for _, transaction in batch.payments],
            [transaction for _, transaction in batch.payments],
            features,
            batch.account_events,
        )
        watermark = shard.clock.advance(now_ms, batch.partitions)
        matcher.on_watermark(watermark)
        self._partition(shard, watermark, batch, features, output)
        output.transactions = len(batch.payments)
        shard.profiles.after_batch(len(batch.payments) + len(batch.account_events))
        return output

    def _read(
        self, shard: Shard[UserProfile], envelope: Envelope, batch: _Batch, output: UserOutput, now_ms: int
    ) -> Refusal | None:
        """Read one record into the batch, or say why not."""
        kind, value, key, limits = envelope.kind, envelope.value, envelope.key, self._options.limits
        if kind == Kind.TRANSACTION:
            transaction = decode_transaction(value, key, now_ms, limits)
            if isinstance(transaction, Refusal):
                return transaction
            if not self._add_transaction(shard, transaction, envelope, batch):
                output.duplicates += 1
        elif kind == Kind.ACCOUNT_EVENT:
            event = decode_account_event(value, key, now_ms, limits)
            if isinstance(event, Refusal):
                return event
            profile = shard.profiles.get(event.user_id)
            batch.account_events.append(PositionedAccountEvent(len(batch.payments), profile, event))
        elif kind == Kind.LABEL:
            label = decode_label(value, key, now_ms, limits)
            if isinstance(label, Refusal):
                return label
            batch.labels.append(label)
        elif kind == Kind.CONTROL:
            # The merchant stage receives the same record, and writes the dead letter if it is refused.
            self._apply_control(shard, envelope)
        return None

    @staticmethod
    def _add_transaction(
        shard: Shard[UserProfile], transaction: Transaction, envelope: Envelope, batch: _Batch
    ) -> bool:
        """Add a transaction to the batch; False if it is a duplicate, which changes nothing."""
        identity = (transaction.user_id, transaction.transaction_id)
        profile = shard.profiles.get(transaction.user_id)
        if identity in batch.seen or profile.has_seen(transaction.transaction_id):
            return False
        batch.seen.add(identity)
        batch.partitions.add(envelope.partition)
        batch.payments.append((profile, transaction))
        batch.values.append(envelope.value or b"")
        batch.behind_ms.append(shard.clock.observe(envelope.partition, transaction.event_time))
        return True

    def _partition(
        self,
        shard: Shard[UserProfile],
        watermark: int,
        batch: _Batch,
        features: NDArray[np.float64],
        output: UserOutput,
    ) -> None:
        """Partition payments with a device by device shard, others by merchant shard, and labels by both."""
        payments = self._payments(batch)
        output.late = sum([payment.late for payment in payments])
        output.too_late = sum([payment.too_late for payment in payments])
        with_device = [row for row, payment in enumerate(payments) if payment.device_id is not None]
        without = [row for row, payment in enumerate(payments) if payment.device_id is None]
        device_payments = [payments[row] for row in with_device]
        output.to_devices = self._to_devices(shard.number, watermark, device_payments, features[with_device], batch)
        # Event time must not pass payments that are still on their way through the device stage.
        in_flight = [payment.event_time for payment in device_payments if not payment.late]
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
            shard.number,
            min([watermark, *in_flight]),
        )

    def _payments(self, batch: _Batch) -> list[Payment]:
        late_ms, too_late_ms = self._options.out_of_orderness_ms, self._options.lateness_ms
        rows = zip(batch.payments, batch.behind_ms, batch.matches, batch.values, strict=True)
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
        self, source: int, watermark: int, payments: list[Payment], features: NDArray[np.float64], batch: _Batch
    ) -> list[tuple[int, bytes]]:
        shards = self._options.device_shards
        labels = [label for label in batch.labels if label.device_id is not None]
        targets = (
            [shard_of(payment.device_id or "", shards) for payment in payments],
            [shard_of(label.device_id or "", shards) for label in labels],
        )
        return partition_by_shard(payments, features, labels, targets, source, watermark)
