"""Turn the rows of a file into records of the topics: transactions in order, and labels after a delay."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from apps.kafka_producer import KafkaProducer
from apps.replay.mapping import ColumnMapping, MappingError, Row, source_columns
from apps.replay.rows import RowFile
from udfs.names import Topic

_encoder = msgspec.json.Encoder()
_SLEEP_S = 0.005
_LABEL_VALUES: Mapping[str, bool] = {
    "1": True,
    "1.0": True,
    "true": True,
    "fraud": True,
    "0": False,
    "0.0": False,
    "false": False,
    "legitimate": False,
}
"""Values of a label column in lower case, and whether each means fraud."""


class ReplayRecord(NamedTuple):
    """A record to send; ``time`` is its event time in epoch milliseconds, or 0 if the row has no readable time."""

    topic: Topic
    key: bytes | None
    value: bytes
    time: int


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """Options of a replay.

    Attributes:
        limit: maximum number of rows; None for all.
        shift_ms: added to every time, milliseconds.
        label_delay_ms: delay of a label after its transaction, milliseconds; None for no labels.
    """

    limit: int | None = None
    shift_ms: int = 0
    label_delay_ms: int | None = None


def replay_records(file: RowFile, mapping: ColumnMapping, options: ReplayOptions) -> Iterator[ReplayRecord]:
    """Generate a transaction for every row, and each label between them when its time has come.

    Raises:
        MappingError: the mapping does not fit the file, or a label has an unknown value.
        FileError: the file cannot be read to its end.
    """
    with_labels = options.label_delay_ms is not None
    if with_labels and mapping.label not in file.columns:
        raise MappingError("labels need a column that is true for fraud: name one with --label-column")
    build = mapping.compile(file.columns)
    needed = {column for source in mapping.fields.values() for column in source_columns(source)}
    needed |= {name for name in file.columns if name not in mapping.fields}
    pending: list[tuple[int, int, ReplayRecord]] = []
    for number, row in enumerate(file.rows(needed)):
        if number == options.limit:
            break
        fields = build(row)
        record = _transaction(fields, options.shift_ms)
        while pending and pending[0][0] <= record.time:
            yield heapq.heappop(pending)[2]
        yield record
        fraud = _is_fraud(row, mapping.label or "") if with_labels and record.time else None
        if fraud is not None:
            label = _label(fields, fraud, record.time, options.label_delay_ms or 0)
            heapq.heappush(pending, (label.time, number, label))
    yield from (heapq.heappop(pending)[2] for _ in range(len(pending)))


def _transaction(fields: dict[str, Any], shift_ms: int) -> ReplayRecord:
    event_time = fields["timestamp"] if isinstance(fields.get("timestamp"), int) else 0
    if event_time:
        fields["timestamp"] = event_time = event_time + shift_ms
    account = fields.get("account")
    # The age of an account must not change.
    if isinstance(account, dict) and isinstance(account.get("created_at"), int):
        account["created_at"] += shift_ms
    user = fields.get("user_id")
    key = None if user is None else str(user).encode()
    return ReplayRecord(Topic.TRANSACTIONS, key, _encoder.encode(fields), event_time)


def _label(fields: Mapping[str, Any], fraud: bool, event_time: int, delay_ms: int) -> ReplayRecord:
    label = {name: fields.get(name) for name in ("transaction_id", "user_id", "merchant_id")}
    device = fields.get("device")
    if isinstance(device, dict) and device.get("id") is not None:
        label["device_id"] = device["id"]
    time_ms = event_time + delay_ms
    label |= {
        "event_time": event_time,
        "timestamp": time_ms,
        "label": "fraud" if fraud else "legitimate",
        "source": "chargeback" if fraud else "analyst",
    }
    return ReplayRecord(Topic.LABELS, str(fields.get("user_id")).encode(), _encoder.encode(label), time_ms)


def _is_fraud(row: Row, column: str) -> bool | None:
    """Read a label column; None if the row has no value.

    Raises:
        MappingError: the value is none of ``_LABEL_VALUES``.
    """
    value = row.get(column)
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    fraud = _LABEL_VALUES.get(str(value).lower())
    if fraud is None:
        raise MappingError(f"{column} says {value!r}: a label is one of {', '.join(_LABEL_VALUES)}")
    return fraud


def send(
    producer: KafkaProducer,
    topics: Mapping[Topic, str],
    records: Iterable[ReplayRecord],
    speedup: float | None,
    report: Callable[[int], None],
) -> dict[Topic, int]:
    """Send records, and count them by topic.

    Args:
        producer: of the cluster to send to; closed at the end.
        topics: real name of each topic.
        records: in approximate order of time; a record whose time is past is sent at once.
        speedup: seconds of event time in a second; None for no pacing.
        report: called with the number of transactions sent.
    """
    counts = dict.fromkeys((Topic.TRANSACTIONS, Topic.LABELS), 0)
    started, origin = time.monotonic(), 0
    for record in records:
        if speedup is not None and record.time:
            origin = origin or record.time
            due = started + (record.time - origin) / 1000 / speedup
            while (wait := due - time.monotonic()) > 0:
                producer.poll()
                time.sleep(min(wait, _SLEEP_S))
        producer.send(topics[record.topic], record.key, record.value)
        counts[record.topic] += 1
        report(counts[Topic.TRANSACTIONS])
    producer.close()
    return counts
