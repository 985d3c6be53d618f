"""Input of a backtest: records of a file or of the simulator in order of time, cut into batches, and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from apps.records import KIND_OF_TOPIC
from apps.replay.bad_rows import OnBadRow, refuse
from apps.replay.looking import FoundFormats
from apps.replay.mapping import ColumnMapping
from apps.replay.replaying import ReplayOptions, replay_records
from apps.replay.rows import RowFile
from apps.simulator.simulator import Simulator, SimulatorOptions
from udfs.names import Kind, Topic
from udfs.stages.envelope import Envelope, encode_envelope
from udfs.stages.stage_message import shard_of_key

BATCH = 8_000
"""Records of a batch, of all subtasks together."""


class InputRecord(NamedTuple):
    """A record of an input topic.

    Attributes:
        envelope: of the record.
        time: event time of a payment, time of a label, or append time; epoch milliseconds.
        fraud: truth of a payment where it is known without a label.
    """

    envelope: Envelope
    time: int
    fraud: bool | None = None


class _LabelFields(msgspec.Struct):
    transaction_id: str
    user_id: str
    label: str


class _PaymentFields(msgspec.Struct):
    transaction_id: str
    user_id: str


_labels = msgspec.json.Decoder(_LabelFields)
_payments = msgspec.json.Decoder(_PaymentFields)


class Truth:
    """Whether payments were fraud, by user and transaction id."""

    def __init__(self) -> None:
        self._fraud: dict[tuple[str, str], bool] = {}

    def __len__(self) -> int:
        return len(self._fraud)

    def of(self, user_id: str, transaction_id: str) -> bool | None:
        """Whether a payment was fraud; None if nobody said."""
        return self._fraud.get((user_id, transaction_id))

    def read(self, record: InputRecord) -> None:
        """Read the label, or the truth that the simulator knows, of a record; the last one counts."""
        value = record.envelope.value or b""
        try:
            if record.envelope.kind == Kind.LABEL:
                label = _labels.decode(value)
                self._fraud[label.user_id, label.transaction_id] = label.label == "fraud"
            elif record.fraud is not None:
                payment = _payments.decode(value)
                self._fraud[payment.user_id, payment.transaction_id] = record.fraud
        except msgspec.DecodeError:
            return  # the stages refuse the record, which is counted


@dataclass
class Batch:
    """Records of a batch.

    Attributes:
        records: encoded envelopes by number of the subtask, in order of arrival.
        control: control records before them, encoded, in order.
        now_ms: the wall clock, epoch milliseconds.
        payments: number of transactions.
    """

    records: list[list[bytes]]
    control: list[Envelope] = field(default_factory=list)
    now_ms: int = 0
    payments: int = 0


def file_records(
    file: RowFile,
    mapping: ColumnMapping,
    options: ReplayOptions,
    found: FoundFormats | None = None,
    on_bad: OnBadRow = refuse,
) -> Iterator[InputRecord]:
    """Read a file as ``sentinel replay`` sends it: transactions, and labels when their time has come.

    Raises:
        MappingError: the mapping does not fit the file.
        FileError: the file cannot be read to its end, or ``on_bad`` refuses a row.
    """
    newest = 0
    for record in replay_records(file, mapping, options, on_bad, found):
        newest = newest if record.time is None else max(newest, record.time)
        yield InputRecord(Envelope(KIND_OF_TOPIC[record.topic], 0, 0, record.key, record.value), record.time or newest)


def simulated_records(options: SimulatorOptions, transactions: int) -> Iterator[InputRecord]:
    """Simulate at least a number of transactions, with account events and labels between them."""
    simulator, done = Simulator(options), 0
    while done < transactions:
        for record in simulator.block(BATCH):
            payment = record.topic == Topic.TRANSACTIONS
            done += payment
            envelope = Envelope(KIND_OF_TOPIC[record.topic], 0, 0, record.key, record.value)
            yield InputRecord(envelope, record.time, (record.fraud is not None) if payment else None)


def cut(
    records: Iterable[InputRecord],
    shards: int,
    subtasks: int,
    truth: Truth,
    until_ms: int | None = None,
    size: int = BATCH,
) -> Iterator[Batch]:
    """Cut records into batches, and give each to the subtask of its user's shard.

    A control record begins a batch, so that it holds for what comes after it.

    Args:
        records: in order of arrival.
        shards: of the user stage.
        subtasks: number of subtasks; shard ``i`` belongs to subtask ``i % subtasks``.
        truth: learns from the records.
        until_ms: payments from here on are left out, epoch milliseconds; labels are read to the end, but not sent.
        size: records of a batch.
    """
    batch = Batch([[] for _ in range(subtasks)])
    count = 0
    for record in records:
        truth.read(record)
        if until_ms is not None and record.time >= until_ms:
            continue
        envelope = record.envelope
        is_control = envelope.kind == Kind.CONTROL
        if count and (count >= size or is_control):
            yield batch
            batch = Batch([[] for _ in range(subtasks)], now_ms=batch.now_ms)
            count = 0
        batch.now_ms = max(batch.now_ms, record.time)
        if is_control:
            batch.control.append(envelope)
            continue
        count += 1
        batch.payments += envelope.kind == Kind.TRANSACTION
        batch.records[shard_of_key(envelope.key or b"", shards) % subtasks].append(encode_envelope(envelope))
    if count:
        yield batch
