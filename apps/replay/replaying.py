"""Turn the rows of a file into records of the topics: transactions in order, and labels after a delay."""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from apps.kafka_producer import KafkaProducer
from apps.replay.bad_rows import BadRow, OnBadRow, refuse
from apps.replay.looking import FoundFormats, look
from apps.replay.mapping import (
    ROW_NUMBER,
    ColumnMapping,
    MappingError,
    Row,
    RowUnreadableError,
    source_columns,
)
from apps.replay.rows import FileRow, RowFile
from apps.replay.values import FLAG_WORDS, means_nothing
from udfs.names import Topic
from udfs.records.refusal import Refusal

_encoder = msgspec.json.Encoder()
_SLEEP_S = 0.005
_LABEL_VALUES: Mapping[str, bool] = {
    **FLAG_WORDS,
    "fraud": True,
    "fraudulent": True,
    "legitimate": False,
    "legit": False,
    "genuine": False,
}
"""Values of a label column in lower case, and whether each means fraud."""


class ReplayRecord(NamedTuple):
    """A record to send.

    Attributes:
        topic: to send to.
        key: id of the user; None if the row has none.
        value: JSON.
        time: event time of a payment, time of a label, epoch milliseconds; None if the row has no time.
        place: of the row, for messages.
    """

    topic: Topic
    key: bytes | None
    value: bytes
    time: int | None
    place: tuple[int, int | None] = (0, None)


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """Options of a replay.

    Attributes:
        limit: maximum number of rows; None for all.
        shift_ms: added to every time, milliseconds.
        label_delay_ms: delay of a label after its transaction, milliseconds; None for no labels.
        check: the job's reason to refuse a record, or None; such a record is a bad row. Without it nothing is checked.
    """

    limit: int | None = None
    shift_ms: int = 0
    label_delay_ms: int | None = None
    check: Callable[[ReplayRecord], Refusal | None] | None = None


def replay_records(
    file: RowFile,
    mapping: ColumnMapping,
    options: ReplayOptions,
    on_bad: OnBadRow = refuse,
    found: FoundFormats | None = None,
) -> Iterator[ReplayRecord]:
    """Generate a transaction for every row, and each label between them when its time has come.

    Args:
        file: in approximate order of time.
        mapping: of its columns.
        options: of the replay.
        on_bad: called for each row that cannot be sent; by default the first one ends the replay.
        found: formats of the values; looked for if None.

    Raises:
        MappingError: the mapping does not fit the file.
        FileError: the file cannot be read to its end, or ``on_bad`` refuses a row.
    """
    with_labels = options.label_delay_ms is not None
    if with_labels and mapping.label not in file.columns:
        raise MappingError("labels need a column that is true for fraud: name one with --label-column")
    found = found or look(file, mapping)
    build = mapping.compile(file.columns, found.fields)
    needed = {column for source in mapping.sources(file.columns).values() for column in source_columns(source)}
    needed |= {mapping.label} if with_labels and mapping.label else set()
    nulls = mapping.null_words
    pending: list[tuple[int, int, ReplayRecord]] = []
    limit = sys.maxsize if options.limit is None else options.limit
    for row in file.rows(needed, lambda bad: on_bad(bad) if bad.number <= limit else None):
        if row.number > limit:
            break
        row.values[ROW_NUMBER] = row.number
        try:
            fields = build(row.values)
            fraud = _is_fraud(row.values, mapping.label or "", nulls) if with_labels else None
        except RowUnreadableError as error:
            reason = "label_unreadable" if with_labels and error.column == mapping.label else "value_unreadable"
            on_bad(BadRow(row.number, row.line, reason, error.column, str(error)))
            continue
        try:
            record = _transaction(fields, options.shift_ms, row)
        except (OverflowError, TypeError, ValueError) as error:
            # Metadata is sent as the file has it: numbers beyond 64 bits, half of a surrogate pair.
            on_bad(BadRow(row.number, row.line, "value_unreadable", None, f"no JSON can hold it: {error}"))
            continue
        if not _passes(record, options, on_bad):
            continue
        while pending and record.time is not None and pending[0][0] <= record.time:
            yield heapq.heappop(pending)[2]
        yield record
        if fraud is not None and record.time is not None:
            label = _label(fields, fraud, record, options.label_delay_ms or 0)
            if _passes(label, options, on_bad):
                heapq.heappush(pending, (label.time or 0, row.number, label))
    yield from (heapq.heappop(pending)[2] for _ in range(len(pending)))


def _passes(record: ReplayRecord, options: ReplayOptions, on_bad: OnBadRow) -> bool:
    refusal = None if options.check is None else options.check(record)
    if refusal is None:
        return True
    of_label = "label: " if record.topic == Topic.LABELS else ""
    on_bad(BadRow(*record.place, refusal.reason.value, None, of_label + refusal.detail))
    return False


def _transaction(fields: dict[str, Any], shift_ms: int, row: FileRow) -> ReplayRecord:
    event_time: int | None = fields.get("timestamp")
    if event_time is not None:
        fields["timestamp"] = event_time = event_time + shift_ms
    account = fields.get("account")
    # The age of an account must not change.
    if isinstance(account, dict) and "created_at" in account:
        account["created_at"] += shift_ms
    user = fields.get("user_id")
    key = None if user is None else str(user).encode()
    return ReplayRecord(Topic.TRANSACTIONS, key, _encoder.encode(fields), event_time, (row.number, row.line))


def _label(fields: Mapping[str, Any], fraud: bool, payment: ReplayRecord, delay_ms: int) -> ReplayRecord:
    label = {name: fields.get(name) for name in ("transaction_id", "user_id", "merchant_id")}
    device = fields.get("device")
    if isinstance(device, dict) and device.get("id") is not None:
        label["device_id"] = device["id"]
    time_ms = (payment.time or 0) + delay_ms
    label |= {
        "event_time": payment.time,
        "timestamp": time_ms,
        "label": "fraud" if fraud else "legitimate",
        "source": "chargeback" if fraud else "analyst",
    }
    return ReplayRecord(Topic.LABELS, payment.key, _encoder.encode(label), time_ms, payment.place)


def _is_fraud(row: Row, column: str, nulls: frozenset[str]) -> bool | None:
    """Read a label column; None if the row has no value.

    Raises:
        RowUnreadableError: the value is none of ``_LABEL_VALUES``.
    """
    value = row.get(column)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    if isinstance(value, str) and (value in nulls or means_nothing(value)):
        return None
    fraud = _LABEL_VALUES.get(str(value).strip().lower())
    if fraud is None:
        raise RowUnreadableError(column, f"{str(value)[:80]!r} is no label: it is one of {', '.join(_LABEL_VALUES)}")
    return fraud


def send(
    producer: KafkaProducer,
    topics: Mapping[Topic, str],
    records: Iterable[ReplayRecord],
    speedup: float | None,
    report: Callable[[Mapping[Topic, int]], None],
) -> dict[Topic, int]:
    """Send records, and count them by topic.

    Args:
        producer: of the cluster to send to; closed at the end.
        topics: real name of each topic.
        records: in approximate order of time; a record whose time is past is sent at once.
        speedup: seconds of event time in a second; None for no pacing.
        report: called after each record with the number sent so far by topic.
    """
    counts = dict.fromkeys((Topic.TRANSACTIONS, Topic.LABELS), 0)
    started = time.monotonic()
    origin: int | None = None
    for record in records:
        if speedup is not None and record.time is not None:
            origin = record.time if origin is None else origin
            due = started + (record.time - origin) / 1000 / speedup
            while (wait := due - time.monotonic()) > 0:
                producer.poll()
                time.sleep(min(wait, _SLEEP_S))
        producer.send(topics[record.topic], record.key, record.value)
        counts[record.topic] += 1
        report(counts)
    producer.close()
    return counts
