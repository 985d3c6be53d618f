"""Dead letters: records that the job refused, and their replay into the topics they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import Message

from deploy.clients import kafka_clients
from deploy.errors import OperationError
from flink_jobs.settings import Settings

REASON = "reason"
DETAIL = "detail"
SOURCE_TOPIC = "source.topic"
SOURCE_PARTITION = "source.partition"
SOURCE_OFFSET = "source.offset"


@dataclass(frozen=True)
class DeadLetter:
    """One refused record.

    Attributes:
        key: of the original record.
        value: of the original record.
        reason: code of the refusal.
        detail: of the refusal, for a person.
        source: topic of the original record.
        partition: of the original record, as text.
        offset: of the original record, as text.
        refused_at: timestamp of the dead letter, epoch milliseconds.
    """

    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    source: str
    partition: str
    offset: str
    refused_at: int


@dataclass(frozen=True)
class DeadLetterFilter:
    """Selects dead letters; a None accepts every value.

    Attributes:
        reason: code of the refusal.
        source: topic of the original record.
    """

    reason: str | None = None
    source: str | None = None

    def accepts(self, letter: DeadLetter) -> bool:
        return self.reason in (None, letter.reason) and self.source in (None, letter.source)


def read(settings: Settings, selected: DeadLetterFilter) -> Iterator[DeadLetter]:
    """Read the dead letters that are there now and pass the filter, in order within each partition."""
    for message in kafka_clients.read_all(settings, settings.kafka.topics.dead_letters):
        letter = _decode(message)
        if selected.accepts(letter):
            yield letter


def replay(settings: Settings, letters: Iterable[DeadLetter]) -> int:
    """Send dead letters to the topics they came from, byte for byte.

    Replaying twice does not change decisions: the job recognises a transaction by its id. A record that is still wrong
    becomes a new dead letter.

    Returns:
        Number of records sent.

    Raises:
        OperationError: a source that is no input of the job.
        SendingError: the broker did not take all of them.
    """
    names = settings.kafka.topics
    inputs = {names.transactions, names.account_events, names.labels, names.control}
    producer = kafka_clients.producer(settings)
    sent = 0
    for letter in letters:
        if letter.source not in inputs:
            raise OperationError(f"a dead letter names {letter.source!r} as its source, which is no input of the job")
        producer.send(letter.source, letter.key, letter.value)
        sent += 1
    producer.close()
    return sent


def _decode(message: Message) -> DeadLetter:
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    return DeadLetter(
        key=message.key(),
        value=message.value(),
        reason=headers.get(REASON, ""),
        detail=headers.get(DETAIL, ""),
        source=headers.get(SOURCE_TOPIC, ""),
        partition=headers.get(SOURCE_PARTITION, ""),
        offset=headers.get(SOURCE_OFFSET, ""),
        refused_at=message.timestamp()[1],
    )
