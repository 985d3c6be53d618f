"""The user stage: reads records, refuses bad ones, drops duplicates, computes user features, matches user patterns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from state.event_time_clock import EventTimeClock
from state.profiles.user_profile import UserProfile
from state.store.keyed_state import KeyedState
from udfs.control.in_force import ControlInForce
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent, update_and_compute
from udfs.lists.membership import Membership
from udfs.lists.payment_lists import PaymentLists
from udfs.lists.record import ListEntry
from udfs.names import Kind, ListedEntity, Refused, ShardEntry
from udfs.patterns import Entity, Match
from udfs.records.account_event import AccountEvent, decode_account_event
from udfs.records.identity import content_of
from udfs.records.label import Label, decode_label
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction
from udfs.stages.envelope import DeadLetter, Envelope, decode_envelope
from udfs.stages.shard import Shard
from udfs.stages.stage import Stage, StageOptions, profile_store
from udfs.stages.stage_message import Payment, Routes, SubtaskMessage, partition_by_subtask
from udfs.stages.stream_time import StreamTime


@dataclass(frozen=True, kw_only=True)
class UserStageOptions(StageOptions):
    """Options of the user stage.

    Attributes:
        limits: of the records.
        devices: routes to the subtasks of the device stage.
        merchants: routes to the subtasks of the merchant stage.
        out_of_orderness_ms: disorder within a partition that is not late, milliseconds.
        tolerated_ahead_ms: a payment further ahead of the wall clock is marked as ahead, milliseconds.
        shared_entries: most cards, countries and networks on lists, all together.
    """

    limits: Limits
    devices: Routes
    merchants: Routes
    out_of_orderness_ms: int
    tolerated_ahead_ms: int = 300_000
    shared_entries: int = 10_000


@dataclass
class UserOutput:
    """Output of a batch.

    Attributes:
        to_devices: messages by subtask of the device stage.
        to_merchants: messages by subtask of the merchant stage: payments without a device, labels.
        dead_letters: records that were refused.
        transactions: number of payments in the messages.
        duplicates: number of transactions that were dropped, since they had been processed before.
        late: number of late payments.
        too_late: number of payments that are later than features are exact for.
    """

    to_devices: list[SubtaskMessage] = field(default_factory=list)
    to_merchants: list[SubtaskMessage] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    transactions: int = 0
    duplicates: int = 0
    late: int = 0
    too_late: int = 0


@dataclass
class _Batch:
    """A batch while it is processed; all lists but ``account_events`` and ``labels`` have equal length.

    Attributes:
        partitions: Kafka partitions that the payments of each shard came from.
    """

    shards: list[Shard[UserProfile]] = field(default_factory=list)
    payments: list[tuple[UserProfile, Transaction]] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    behind_ms: list[int] = field(default_factory=list)
    ahead: list[bool] = field(default_factory=list)
    seen: dict[tuple[str, str], Transaction] = field(default_factory=dict)
    account_events: list[PositionedAccountEvent] = field(default_factory=list)
    matches: Sequence[tuple[Match, ...]] = ()
    labels: list[Label] = field(default_factory=list)
    lists: list[Membership] = field(default_factory=list)
    entries: list[ListEntry] = field(default_factory=list)
    partitions: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


class UserStage(Stage[UserProfile]):
    """Reads the records of users, computes their features and matches their patterns."""

    def __init__(self, options: UserStageOptions) -> None:
        control = ControlInForce(patterns=options.patterns)
        super().__init__(options, Entity.USER, profile_store(UserProfile, options), control)
        self._options = options
        self._stream_times: dict[int, StreamTime] = {}
        self._payment_lists = PaymentLists(self._lists, options.shared_entries)

    def process(self, records: Sequence[bytes], now_ms: int) -> UserOutput:
        """Process a batch.

        Args:
            records: encoded envelopes of attached shards, in order of arrival.
            now_ms: the wall clock, epoch milliseconds.
        """
        batch, output = _Batch(), UserOutput()
        for record in records:
            envelope = decode_envelope(record)
            refusal = self._read(envelope, batch, output, now_ms)
            if refusal is not None:
                output.dead_letters.append(DeadLetter(envelope, refusal))
        matcher = self.matcher.batch(self._patterns_of_batch(), self._shards.values(), self.shard_of)
        features = update_and_compute(batch.payments, batch.account_events)
        batch.matches = matcher.observe(
            [transaction.user_id for _, transaction in batch.payments],
            [transaction for _, transaction in batch.payments],
            features,
            batch.account_events,
        )
        for number, partitions in batch.partitions.items():
            self._shards[number].clock.advance(now_ms, partitions)
        matcher.on_watermark()
        self._partition(batch, features, output)
        output.transactions = len(batch.payments)
        self._after_batch(
            [
                *(transaction.user_id for _, transaction in batch.payments),
                *(update.event.user_id for update in batch.account_events),
            ]
        )
        return output

    def attach(self, number: int, state: KeyedState, lists: KeyedState | None = None) -> None:
        """Load a shard from its state, with the event time that its stream has reached."""
        super().attach(number, state, lists)
        self._payment_lists.attach(number, state if lists is None else lists)
        packed = state.get(ShardEntry.STREAM_TIME.value)
        self._stream_times[number] = StreamTime.of(packed, self._options.out_of_orderness_ms)

    def checkpoint(self, now_ms: int) -> None:
        """Write everything that the states of the shards lack before Flink takes its snapshot."""
        super().checkpoint(now_ms)
        newest = max(shard.watermark for shard in self._shards.values())
        self._payment_lists.checkpoint(newest - self._options.lateness_ms)

    def _entries(self, shard: Shard[UserProfile]) -> dict[str, bytes]:
        return {ShardEntry.STREAM_TIME.value: self._stream_times[shard.number].pack()}

    def _clock(self, state: KeyedState) -> EventTimeClock:
        packed, options = state.get(ShardEntry.CLOCK.value), self._options
        return EventTimeClock.of(packed, options.out_of_orderness_ms, options.idle_ms)

    def _read(self, envelope: Envelope, batch: _Batch, output: UserOutput, now_ms: int) -> Refusal | None:
        """Read one record into the batch, or say why not."""
        kind, value, key, limits = envelope.kind, envelope.value, envelope.key, self._options.limits
        if kind == Kind.TRANSACTION:
            transaction = decode_transaction(value, key, now_ms, limits)
            if isinstance(transaction, Refusal):
                return transaction
            added = self._add_transaction(transaction, envelope, batch, now_ms)
            if isinstance(added, Refusal):
                return added
            if not added:
                output.duplicates += 1
        elif kind == Kind.ACCOUNT_EVENT:
            event = decode_account_event(value, key, now_ms, limits)
            if isinstance(event, Refusal):
                return event
            return self._add_account_event(event, batch)
        elif kind == Kind.LABEL:
            label = decode_label(value, key, now_ms, limits)
            if isinstance(label, Refusal):
                return label
            batch.labels.append(label)
        elif kind == Kind.CONTROL:
            # The merchant stage receives the same record, and writes the dead letter if it is refused.
            self._apply_control(envelope, now_ms)
        elif kind == Kind.LIST_ENTRY:
            entry = self._payment_lists.read(envelope)
            if isinstance(entry, Refusal):
                return entry
            if entry is not None:
                batch.entries.append(entry)
        return None

    def _add_account_event(self, event: AccountEvent, batch: _Batch) -> Refusal | None:
        """Add an account event to the batch, or say why not."""
        misrouted = self._misrouted(event.user_id)
        if misrouted is None:
            profile = self.shard_of(event.user_id).profiles.get(event.user_id)
            batch.account_events.append(PositionedAccountEvent(len(batch.payments), profile, event))
        return misrouted

    def _misrouted(self, user_id: str) -> Refusal | None:
        """Refuse a user whom the source, by an older version of Unicode, has sent to the shard of another form."""
        if user_id.isascii() or self.has_shard_of(user_id):
            return None
        return Refusal(
            Refused.IDENTIFIER_INVALID,
            f"user_id {user_id[:64]!r} has characters that are new in Unicode, and is not in NFC: send it, and the "
            "record key, in NFC",
        )

    def _add_transaction(
        self, transaction: Transaction, envelope: Envelope, batch: _Batch, now_ms: int
    ) -> bool | Refusal:
        """Add a transaction to the batch; False if it is a duplicate, which changes nothing.

        Another payment under an id that is taken is refused.
        """
        misrouted = self._misrouted(transaction.user_id)
        if misrouted is not None:
            return misrouted
        shard = self.shard_of(transaction.user_id)
        identity = (transaction.user_id, transaction.transaction_id)
        profile = shard.profiles.get(transaction.user_id)
        earlier = batch.seen.get(identity)
        if earlier is not None or profile.has_seen(transaction.transaction_id):
            content = content_of(transaction)
            same = profile.holds(*content) if earlier is None else content == content_of(earlier)
            return False if same else _id_reused(transaction)
        batch.seen[identity] = transaction
        batch.partitions[shard.number].add(envelope.partition)
        batch.shards.append(shard)
        batch.payments.append((profile, transaction))
        batch.values.append(envelope.value or b"")
        batch.lists.append(self._payment_lists.of(transaction))
        # A terminal whose clock is ahead must not make the payments of others late.
        believed = self._stream_times[shard.number].believe(transaction.event_time, now_ms)
        behind_ms = shard.clock.observe(envelope.partition, believed)
        batch.behind_ms.append(max(0, behind_ms - (transaction.event_time - believed)))
        batch.ahead.append(transaction.event_time - now_ms > self._options.tolerated_ahead_ms)
        return True

    def _partition(self, batch: _Batch, features: NDArray[np.float64], output: UserOutput) -> None:
        """Partition payments by subtask of their device, or of their merchant if they have none; labels by both."""
        payments, options = self._payments(batch), self._options
        output.late = sum([payment.late for payment in payments])
        output.too_late = sum([payment.too_late for payment in payments])
        watermarks = {number: self._shards[number].watermark for number in batch.partitions}
        with_device = [row for row, payment in enumerate(payments) if payment.device_id is not None]
        named = [label for label in batch.labels if label.device_id is not None]
        targets = (
            options.devices.of([payments[row].device_id or "" for row in with_device]),
            options.devices.of([label.device_id or "" for label in named]),
        )
        output.to_devices = partition_by_subtask(
            [payments[row] for row in with_device],
            features[with_device],
            named,
            targets,
            watermarks,
            _routed(batch.entries, ListedEntity.DEVICE, options.devices),
        )
        # Event time must not pass payments that are still on their way through the device stage.
        for row in with_device:
            number = batch.shards[row].number
            if not payments[row].late:
                watermarks[number] = min(watermarks[number], payments[row].event_time)
        without = [row for row, payment in enumerate(payments) if payment.device_id is None]
        direct = np.full((len(without), USER_WIDTH + DEVICE_WIDTH), np.nan)
        direct[:, :USER_WIDTH] = features[without]
        others = [payments[row] for row in without]
        targets = (
            options.merchants.of([payment.merchant_id for payment in others]),
            options.merchants.of([label.merchant_id for label in batch.labels]),
        )
        entries = _routed(batch.entries, ListedEntity.MERCHANT, options.merchants)
        output.to_merchants = partition_by_subtask(others, direct, batch.labels, targets, watermarks, entries)

    def _payments(self, batch: _Batch) -> list[Payment]:
        late_ms, too_late_ms = self._options.out_of_orderness_ms, self._options.lateness_ms
        rows = zip(batch.payments, batch.behind_ms, batch.ahead, batch.matches, batch.values, batch.lists, strict=True)
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
                ahead,
                transaction.ignored,
                transaction.conversion,
                *lists,
            )
            for (_, transaction), behind_ms, ahead, matches, value, lists in rows
        ]


def _routed(entries: Sequence[ListEntry], entity: ListedEntity, routes: Routes) -> list[tuple[int, ListEntry]]:
    """Entries of one kind of entity, each with its subtask of the next stage."""
    some = [entry for entry in entries if entry.entity is entity]
    return list(zip(routes.of([entry.id for entry in some]), some, strict=True))


def _id_reused(transaction: Transaction) -> Refusal:
    return Refusal(
        Refused.ID_REUSED,
        f"transaction_id {transaction.transaction_id!r} is that of another payment of this user, with another amount, "
        "merchant or time: send each payment under an id of its own",
    )
