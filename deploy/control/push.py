"""Send a control record, and wait until every shard of every stage that uses it has it in force."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from deploy.clients import kafka_clients
from deploy.control.sets import SetInForce
from deploy.errors import OperationError
from flink_jobs.settings import Settings
from udfs.control.editing import Document, differences
from udfs.control.log import LogEvent, LogRecord, decode_log_record, encode_log_record
from udfs.control.record import STAGES, ControlRecord, Source, decode_control
from udfs.features.catalogue import FEATURE_NAMES
from udfs.records.refusal import Refusal

_POLL_S = 0.1
_MAX_PHRASES = 100
_MAX_PHRASE = 500


class NotAcknowledgedError(OperationError):
    """The record was sent, and not every shard has acknowledged it in time."""


@dataclass(frozen=True, kw_only=True)
class SetChange:
    """A set to put in force.

    Attributes:
        before: what is in force.
        after: the set to put in its place.
        author: who changes it.
        reason: why.
        source: file that it comes from.
        note: what else to say in the log, such as that it is a roll-back.
    """

    before: SetInForce
    after: Document
    author: str
    reason: str = ""
    source: Source | None = None
    note: str = ""

    def phrases(self) -> list[str]:
        """What it changes, one phrase each."""
        found = [each.phrase() for each in differences(self.before.kind, self.before.document, self.after)]
        return [*([self.note] if self.note else []), *found]

    def record(self) -> ControlRecord:
        """The control record."""
        phrases = [phrase[:_MAX_PHRASE] for phrase in self.phrases()]
        if len(phrases) > _MAX_PHRASES:
            phrases = [*phrases[: _MAX_PHRASES - 1], f"and {len(phrases) - _MAX_PHRASES + 1} more"]
        return ControlRecord(
            kind=self.before.kind,
            version=self.before.version + 1,
            base=self.before.version,
            author=self.author,
            reason=self.reason,
            source=self.source,
            change=phrases,
            body=msgspec.Raw(msgspec.json.encode(self.after)),
        )


@dataclass
class Acknowledged:
    """Which shards have a record in force.

    Attributes:
        kind: of the record.
        shards: that have it, by stage.
        totals: number of shards of each stage that has answered.
        took_s: from the append of the record to the last acknowledgement, seconds.
    """

    kind: str
    shards: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    totals: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0

    def add(self, record: LogRecord) -> None:
        """Add the acknowledgement of one instance."""
        self.shards[record.stage].update(record.shards)
        self.totals[record.stage] = record.shards_of_stage

    def missing(self) -> list[str]:
        """What is missing, one phrase for each stage; empty if the record is in force everywhere."""
        return [
            f"{stage} stage: {len(self.shards[stage])} of {self.totals.get(stage, '?')} shards"
            for stage in STAGES[self.kind]  # type: ignore[index]  # it came from a decoded record
            if len(self.shards[stage]) != self.totals.get(stage, -1)
        ]


def push(settings: Settings, change: SetChange, timeout_s: float) -> Acknowledged:
    """Validate, send and await a change.

    Args:
        settings: of Kafka.
        change: to put in force.
        timeout_s: longest wait for acknowledgements.

    Raises:
        OperationError: the set is invalid, or the job refuses the record; what was in force stays.
        NotAcknowledgedError: it was sent, and not all shards answered in time.
    """
    record = change.record()
    value = msgspec.json.encode(record)
    found = decode_control(value, record.kind.encode(), FEATURE_NAMES)
    if isinstance(found, Refusal):
        raise OperationError(f"the job would refuse this, so nothing was sent:\n{found.detail}")
    topics = settings.kafka.topics
    with kafka_clients.consumer_from_now(settings, topics.control_log) as consumer:
        producer = kafka_clients.producer(settings)
        offset = producer.deliver(topics.control, record.kind.encode(), value)
        producer.deliver(topics.control_log, record.kind.encode(), encode_log_record(_sent(record, offset)))
        begun = time.monotonic()
        acknowledged = Acknowledged(record.kind)
        while acknowledged.missing() and time.monotonic() - begun < timeout_s:
            message = consumer.poll(_POLL_S)
            answer = None if message is None or message.error() else decode_log_record(message.value())
            if answer is None or answer.offset != offset:
                continue
            if answer.event is LogEvent.REFUSED:
                raise OperationError(f"refused, so version {change.before.version} stays in force: {answer.detail}")
            if answer.event is LogEvent.ACCEPTED:
                acknowledged.add(answer)
        acknowledged.took_s = time.monotonic() - begun
    if missing := acknowledged.missing():
        raise NotAcknowledgedError(
            f"version {record.version} was sent, and is not acknowledged after {timeout_s:g} s "
            f"({'; '.join(missing)}): does the job run? It reads the record when it does; `history` shows who has it"
        )
    return acknowledged


def _sent(record: ControlRecord, offset: int) -> LogRecord:
    return LogRecord(
        at=round(time.time() * 1000),
        event=LogEvent.SENT,
        kind=record.kind,
        version=record.version,
        offset=offset,
        base=record.base,
        author=record.author,
        reason=record.reason,
        source=record.source,
        change=record.change,
        body=record.body,
    )
