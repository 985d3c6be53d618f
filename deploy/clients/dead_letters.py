"""Dead letters: records that the job refused, and their replay into the topics they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import Message, TopicPartition

from deploy.clients import consumer_lag, kafka_clients
from deploy.clients.consumer_lag import Offsets
from deploy.errors import OperationError
from flink_jobs.settings import Settings

REASON = "reason"
DETAIL = "detail"
SOURCE_TOPIC = "source.topic"
SOURCE_PARTITION = "source.partition"
SOURCE_OFFSET = "source.offset"
TRUNCATED = "truncated.bytes"
"""Length of a value that was cut to fit; RecordSerializer.java writes it."""


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
        place: partition and offset of the dead letter.
        cut: whether it holds only the beginning of a record that was too large for the topic.
    """

    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    source: str
    partition: str
    offset: str
    refused_at: int
    place: tuple[int, int] = (0, 0)
    cut: bool = False


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


@dataclass(frozen=True)
class Pending:
    """What a replay would do.

    Attributes:
        letters: to be sent: of each record the latest copy.
        copies: earlier copies of the same records, which are not sent.
        sent_before: letters that a replay has sent already.
        cut: letters that hold only the beginning of their record.
    """

    letters: list[DeadLetter]
    copies: int
    sent_before: int
    cut: int


def pending(letters: Iterable[DeadLetter], sent: SentBefore) -> Pending:
    """Select what is to be sent: a record that is refused again at each replay must not double each time.

    Args:
        letters: that pass the filter, in order within each partition.
        sent: what earlier replays have sent.
    """
    latest: dict[tuple[str, bytes | None, bytes | None], DeadLetter] = {}
    copies = sent_before = cut = 0
    for letter in letters:
        if letter.cut:
            cut += 1
        elif sent.includes(letter):
            sent_before += 1
        else:
            record = letter.source, letter.key, letter.value
            copies += record in latest
            latest[record] = letter
    return Pending(list(latest.values()), copies, sent_before, cut)


class SentBefore:
    """Remembers which dead letters were sent: committed offsets of one consumer group for each filter.

    Args:
        settings: of Kafka.
        again: whether to forget it all.
    """

    def __init__(self, settings: Settings, *, again: bool = False) -> None:
        self._settings = settings
        self._again = again
        self._offsets: dict[str, Offsets] = {}

    def includes(self, letter: DeadLetter) -> bool:
        """Whether a replay has sent this letter, with whichever filter."""
        partition, offset = letter.place
        return not self._again and any(
            offset < self._of(DeadLetterFilter(reason, source)).get(partition, 0)
            for reason in (None, letter.reason)
            for source in (None, letter.source)
        )

    def add(self, selected: DeadLetterFilter, letters: Iterable[DeadLetter]) -> None:
        """Remember that every letter of a filter up to these was sent."""
        ends = dict(self._of(selected))
        for letter in letters:
            partition, offset = letter.place
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        topic = self._settings.kafka.topics.dead_letters
        if ends:
            client = kafka_clients.admin(self._settings)
            offsets = [TopicPartition(topic, partition, end) for partition, end in ends.items()]
            kafka_clients.commit(client, self.group(selected), offsets)

    def group(self, selected: DeadLetterFilter) -> str:
        """The consumer group of a filter."""
        parts = [self._settings.kafka.consumer_group, "replayed"]
        parts += [f"reason={selected.reason}"] if selected.reason else []
        parts += [f"topic={selected.source}"] if selected.source else []
        return "-".join(parts)

    def _of(self, selected: DeadLetterFilter) -> Offsets:
        group = self.group(selected)
        if group not in self._offsets:
            found = consumer_lag.committed_offsets(self._settings, group)
            self._offsets[group] = found.get(self._settings.kafka.topics.dead_letters, {})
        return self._offsets[group]


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
    chosen = list(letters)
    for letter in chosen:  # before anything is sent
        if letter.source not in inputs:
            raise OperationError(f"a dead letter names {letter.source!r} as its source, which is no input of the job")
    producer = kafka_clients.producer(settings)
    for letter in chosen:
        producer.send(letter.source, letter.key, letter.value)
    producer.close()
    return len(chosen)


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
        place=(message.partition() or 0, message.offset() or 0),
        cut=TRUNCATED in headers,
    )
