"""Rows of a file as records of the topics: transactions in order, and the truth about them later, if it is known."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from apps.kafka_producer import KafkaProducer
from apps.replay.mapping import ColumnMapping, MappingError, Row, columns_of
from apps.replay.rows import RowFile
from udfs.names import Topic

_encoder = msgspec.json.Encoder()
_TICK_S = 0.005
_VERDICTS: Mapping[str, bool] = {
    "1": True,
    "1.0": True,
    "true": True,
    "fraud": True,
    "0": False,
    "0.0": False,
    "false": False,
    "legitimate": False,
}
"""What a label's column may say, and whether that is fraud."""


class ReplayRecord(NamedTuple):
    """A record to be sent; ``time`` is its event time in epoch milliseconds, or 0 where the row has none to read."""

    topic: Topic
    key: bytes | None
    value: bytes
    time: int


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What is replayed, and as what.

    Attributes:
        limit: rows at most, or None for all.
        shift_ms: is added to every time.
        label_delay_ms: after how long a label follows its transaction; None for no labels.
    """

    limit: int | None = None
    shift_ms: int = 0
    label_delay_ms: int | None = None


def records(file: RowFile, mapping: ColumnMapping, options: ReplayOptions) -> Iterator[ReplayRecord]:
    """Every row as a transaction, and labels in between as they become known.

    Raises:
        MappingError: the mapping does not fit the file, or a label is neither yes nor no.
        FileError: the file cannot be read to its end.
    """
    with_labels = options.label_delay_ms is not None
    if with_labels and mapping.label not in file.columns:
        raise MappingError("labels are wanted, but no column says what was fraud: name one with --label-column")
    build = mapping.compile(file.columns)
    wanted = {column for source in mapping.fields.values() for column in columns_of(source)}
    wanted |= {name for name in file.columns if name not in mapping.fields}
    pending: list[tuple[int, int, ReplayRecord]] = []
    for number, row in enumerate(file.rows(wanted)):
        if number == options.limit:
            break
        fields = build(row)
        record = _transaction(fields, options.shift_ms)
        while pending and pending[0][0] <= record.time:
            yield heapq.heappop(pending)[2]
        yield record
        fraud = _fraud(row, mapping.label or "") if with_labels and record.time else None
        if fraud is not None:
            label = _label(fields, fraud, record.time, options.label_delay_ms or 0)
            heapq.heappush(pending, (label.time, number, label))
    yield from (heapq.heappop(pending)[2] for _ in range(len(pending)))


def _transaction(fields: dict[str, Any], shift_ms: int) -> ReplayRecord:
    moment = fields["timestamp"] if isinstance(fields.get("timestamp"), int) else 0
    if moment:
        fields["timestamp"] = moment = moment + shift_ms
    account = fields.get("account")
    # An account stays as old as it was.
    if isinstance(account, dict) and isinstance(account.get("created_at"), int):
        account["created_at"] += shift_ms
    user = fields.get("user_id")
    key = None if user is None else str(user).encode()
    return ReplayRecord(Topic.TRANSACTIONS, key, _encoder.encode(fields), moment)


def _label(fields: Mapping[str, Any], fraud: bool, moment: int, delay_ms: int) -> ReplayRecord:
    label = {name: fields.get(name) for name in ("transaction_id", "user_id", "merchant_id")}
    device = fields.get("device")
    if isinstance(device, dict) and device.get("id") is not None:
        label["device_id"] = device["id"]
    label |= {
        "event_time": moment,
        "timestamp": moment + delay_ms,
        "label": "fraud" if fraud else "legitimate",
        "source": "chargeback" if fraud else "analyst",
    }
    return ReplayRecord(Topic.LABELS, str(fields.get("user_id")).encode(), _encoder.encode(label), moment + delay_ms)


def _fraud(row: Row, column: str) -> bool | None:
    """What a column says was true; None where it says nothing.

    Raises:
        MappingError: it says something that is neither yes nor no.
    """
    value = row.get(column)
    if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    said = _VERDICTS.get(str(value).lower())
    if said is None:
        raise MappingError(f"{column} says {value!r}: a label is one of {', '.join(_VERDICTS)}")
    return said


def send(
    sender: KafkaProducer,
    topics: Mapping[Topic, str],
    found: Iterable[ReplayRecord],
    speedup: float | None,
    tell: Callable[[int], None],
) -> dict[Topic, int]:
    """Send records, and count them by topic.

    Args:
        sender: to Kafka.
        topics: real name of each topic.
        found: in about the order of their times; one whose time is past is sent at once.
        speedup: seconds of event time in a second; None sends as fast as it goes.
        tell: is told the number of transactions sent so far.
    """
    counts = dict.fromkeys((Topic.TRANSACTIONS, Topic.LABELS), 0)
    begun, origin = time.monotonic(), 0
    for record in found:
        if speedup is not None and record.time:
            origin = origin or record.time
            due = begun + (record.time - origin) / 1000 / speedup
            while (wait := due - time.monotonic()) > 0:
                sender.tick()
                time.sleep(min(wait, _TICK_S))
        sender.send(topics[record.topic], record.key, record.value)
        counts[record.topic] += 1
        tell(counts[Topic.TRANSACTIONS])
    sender.close()
    return counts
