"""The history of a kind of control, from the control log."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from deploy.clients import kafka_clients
from deploy.control.sets import document_of
from deploy.errors import OperationError
from flink_jobs.settings import Settings
from udfs.control.editing import Document
from udfs.control.log import LogEvent, LogRecord, decode_log_record
from udfs.control.record import ControlKind


@dataclass
class HistoryEntry:
    """One version of a set.

    Attributes:
        version: of the control record.
        sent: what the command that sent it wrote; None if something else sent it.
        accepted: shards that have put it in force, by stage.
        shards_of_stage: number of shards, by stage.
        accepted_at: last acknowledgement, epoch milliseconds.
        refused: reasons of refusals.
    """

    version: int
    sent: LogRecord | None = None
    accepted: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    shards_of_stage: dict[str, int] = field(default_factory=dict)
    accepted_at: int = 0
    refused: list[str] = field(default_factory=list)

    def add(self, record: LogRecord) -> None:
        """Add a record of the log."""
        if record.event is LogEvent.SENT:
            self.sent = record
        elif record.event is LogEvent.ACCEPTED:
            self.accepted[record.stage].update(record.shards)
            self.shards_of_stage[record.stage] = record.shards_of_stage
            self.accepted_at = max(self.accepted_at, record.at)
        else:
            self.refused.append(record.detail)

    @property
    def state(self) -> str:
        """Where it is in force, in a few words."""
        if self.accepted:
            return ", ".join(
                f"{stage} {len(shards)}/{self.shards_of_stage[stage]}" for stage, shards in self.accepted.items()
            )
        return "refused" if self.refused else "not acknowledged"


def read_history(settings: Settings, kind: ControlKind) -> list[HistoryEntry]:
    """Read the versions of a kind, oldest first.

    Raises:
        OperationError: no Kafka answers, or there is no topic.
    """
    entries: dict[int, HistoryEntry] = {}  # by offset: two people may have sent the same version
    for message in kafka_clients.read_all(settings, settings.kafka.topics.control_log):
        record = decode_log_record(message.value())
        if record is not None and record.kind == kind:
            entries.setdefault(record.offset, HistoryEntry(record.version)).add(record)
    return [entries[offset] for offset in sorted(entries)]


def document_of_version(history: list[HistoryEntry], version: int) -> Document:
    """The set of an earlier version.

    Raises:
        OperationError: the log does not hold it.
    """
    for entry in history:
        if entry.version == version and entry.sent is not None and not entry.refused:
            return document_of(entry.sent.body)
    known = ", ".join(str(entry.version) for entry in history if entry.sent and not entry.refused) or "none"
    raise OperationError(f"the control log has no version {version}; it has {known}, and 0 stands for the defaults")
