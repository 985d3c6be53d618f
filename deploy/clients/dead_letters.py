"""Dead letters: what was refused and why, and sending it back to where it came from."""

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
    """One refused record: the original key and value, and what the job wrote about it.

    ``refused_at`` is the dead letter's own record timestamp in epoch milliseconds.
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
class Filter:
    """Which dead letters are meant; what is None does not matter."""

    reason: str | None = None
    source: str | None = None

    def accepts(self, letter: DeadLetter) -> bool:
        return self.reason in (None, letter.reason) and self.source in (None, letter.source)


def read(settings: Settings, wanted: Filter) -> Iterator[DeadLetter]:
    """Every dead letter that is there now and passes the filter, in the topic's order per partition."""
    for message in kafka_clients.read_all(settings, settings.kafka.topics.dead_letters):
        letter = _letter(message)
        if wanted.accepts(letter):
            yield letter


def send_back(settings: Settings, letters: Iterable[DeadLetter]) -> int:
    """Produce dead letters to the topics they came from, byte for byte; returns how many.

    To do it twice is harmless to decisions: the job knows a transaction again by its id. What is still wrong comes back
    as a new dead letter.

    Raises:
        OperationError: a source that is no input of the job.
        SendingError: a broker that takes not all of them.
    """
    names = settings.kafka.topics
    inputs = {names.transactions, names.account_events, names.labels, names.control}
    sender = kafka_clients.sender(settings)
    sent = 0
    for letter in letters:
        if letter.source not in inputs:
            raise OperationError(f"a dead letter names {letter.source!r} as its source, which is no input of the job")
        sender.send(letter.source, letter.key, letter.value)
        sent += 1
    sender.close()
    return sent


def _letter(message: Message) -> DeadLetter:
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
