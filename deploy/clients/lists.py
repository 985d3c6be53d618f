"""Entries of lists: checked and sent to the topic, read from it, and how far the job has read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from deploy.clients import consumer_lag, kafka_clients
from deploy.errors import OperationError
from flink_jobs.settings import Settings
from udfs.lists.intervals import covering, update
from udfs.lists.record import ListEntry, ListRecord, decode_entry, encode_entry
from udfs.records.refusal import Refusal

READ_WITHIN_S = 600.0
_POLL_S = 0.5
_REPORT_EVERY = 1_000


class StoredEntry(NamedTuple):
    """The last record of an entry in the topic.

    Attributes:
        entry: as the job reads it.
        record: as it was written, with reason and author.
    """

    entry: ListEntry
    record: ListRecord

    def in_force(self, event_time: int) -> bool:
        """Whether the entry holds for a payment of an event time, epoch milliseconds."""
        return covering(update((), self.entry), event_time) is not None


@dataclass(frozen=True)
class EntryFilter:
    """Which entries are asked for; None for all.

    Attributes:
        name: of the list.
        entity: kind of the entity.
        entity_id: of the entity.
    """

    name: str | None = None
    entity: str | None = None
    entity_id: str | None = None

    def accepts(self, key: bytes) -> bool:
        """Whether the entry with a record key is asked for."""
        parts = key.decode(errors="replace").split("/", 2)
        wanted = (self.entity, self.name, self.entity_id)
        return all(want in (None, part) for want, part in zip(wanted, (*parts, "", ""), strict=False))


def checked(record: ListRecord) -> tuple[bytes, bytes]:
    """Key and value of a record.

    Raises:
        OperationError: the job would refuse it.
    """
    found = encode_entry(record)
    if isinstance(found, Refusal):
        raise OperationError(found.detail)
    return found


def send(
    settings: Settings, records: Iterable[tuple[bytes, bytes]], report: Callable[[int], None] = lambda _: None
) -> int:
    """Send records, and wait until the broker has them.

    Args:
        settings: of Kafka.
        records: keys and values.
        report: called now and then with the number of records that were sent.

    Returns:
        Number of records.

    Raises:
        OperationError: no broker answers, or the topic does not exist.
        SendingError: a record was not delivered.
    """
    topic, count = settings.kafka.topics.lists, 0
    kafka_clients.partitions(settings, topic)
    producer = kafka_clients.producer(settings)
    for key, value in records:
        producer.send(topic, key, value)
        count += 1
        if count % _REPORT_EVERY == 0:
            report(count)
    producer.close()
    report(count)
    return count


def read(settings: Settings, wanted: EntryFilter) -> Iterator[StoredEntry]:
    """Read the last record of each entry, in order of their first records; those that the job refuses are left out.

    Raises:
        OperationError: no broker answers, or the topic does not exist.
    """
    latest: dict[bytes, bytes | None] = {}
    for message in kafka_clients.read_all(settings, settings.kafka.topics.lists, READ_WITHIN_S):
        key = message.key()
        if key is not None and wanted.accepts(key) and not isinstance(decode_entry(message.value(), key), Refusal):
            latest[key] = message.value()
    decoder = msgspec.json.Decoder(ListRecord)
    for key, value in latest.items():
        entry = decode_entry(value, key)
        if value is not None and not isinstance(entry, Refusal):
            yield StoredEntry(entry, decoder.decode(value))


def wait_until_read(settings: Settings, within_s: float) -> float | None:
    """Wait until the job has read what the topic holds now, by the offsets that it commits with a checkpoint.

    Returns:
        Seconds that it took; None if the job has not read all of it within ``within_s``.
    """
    topic, begun = settings.kafka.topics.lists, time.monotonic()
    client, numbers = kafka_clients.admin(settings), kafka_clients.partitions(settings, topic)
    ends = kafka_clients.end_offsets(client, topic, numbers)
    while True:
        committed = consumer_lag.committed_offsets(settings).get(topic, {})
        passed = time.monotonic() - begun
        if all(committed.get(number, 0) >= end for number, end in ends.items()):
            return passed
        if passed > within_s:
            return None
        time.sleep(_POLL_S)
