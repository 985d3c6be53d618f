"""Kafka clients of the command line, configured from the settings; every wait is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
)
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient, OffsetSpec

from apps.kafka_producer import KafkaProducer, TransactionalKafkaProducer
from deploy.errors import OperationError
from deploy.secrets import hide
from flink_jobs.settings import Settings

T = TypeVar("T")
TIMEOUT_S = 10.0
POLL_S = 0.5


def client_properties(settings: Settings) -> dict[str, Any]:
    """Properties of every librdkafka client."""
    kafka = settings.kafka
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        # librdkafka logs each refused connection to stderr; errors that matter are raised.
        "log_level": 0,
        **(kafka.properties if kafka.librdkafka_properties is None else kafka.librdkafka_properties),
    }


def admin(settings: Settings) -> AdminClient:
    """Make an admin client, and check that a broker answers.

    Raises:
        OperationError: none does.
    """
    try:
        client = AdminClient(client_properties(settings))
    except KafkaException as error:
        raise OperationError(
            f"Kafka's client of the command line refuses kafka.properties ({hide(str(error.args[0].str()))}): "
            "give them by librdkafka's names in kafka.librdkafka_properties"
        ) from None
    try:
        client.list_topics(timeout=TIMEOUT_S)
    except KafkaException:
        raise OperationError(
            f"no Kafka answers at {settings.kafka.bootstrap_servers}: "
            "start the local stack with `sentinel up`, or correct kafka.bootstrap_servers"
        ) from None
    return client


def await_answer(future: Future[T], within_s: float = TIMEOUT_S) -> T:
    """Wait for the result of an admin request.

    Raises:
        OperationError: there is none in time.
        KafkaException: the broker refuses the request.
    """
    try:
        return future.result(timeout=within_s)
    except TimeoutError:
        raise OperationError(
            f"Kafka did not answer an admin request within {within_s:.0f} s: is the broker well?"
        ) from None


def end_offsets(client: AdminClient, topic: str, partition_numbers: Iterable[int]) -> dict[int, int]:
    """Read the offset after the last record of each partition.

    Raises:
        KafkaException: a partition has no leader.
    """
    return _offsets(client, topic, partition_numbers, OffsetSpec.latest())


def begin_offsets(client: AdminClient, topic: str, partition_numbers: Iterable[int]) -> dict[int, int]:
    """Read the offset of the first record that is left in each partition.

    Raises:
        KafkaException: a partition has no leader.
    """
    return _offsets(client, topic, partition_numbers, OffsetSpec.earliest())


def commit(client: AdminClient, group: str, offsets: list[Partition], within_s: float = TIMEOUT_S) -> None:
    """Commit offsets of a consumer group without members.

    Raises:
        OperationError: there is no answer in time.
        KafkaException: the broker refuses.
    """
    request = [ConsumerGroupTopicPartitions(group, offsets)]
    await_answer(client.alter_consumer_group_offsets(request)[group], within_s)


def _offsets(client: AdminClient, topic: str, numbers: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
    request = {Partition(topic, number): spec for number in numbers}
    found = client.list_offsets(request, request_timeout=TIMEOUT_S)
    return {partition.partition: int(await_answer(future).offset) for partition, future in found.items()}


def producer(settings: Settings) -> KafkaProducer:
    """Make a producer, and check that a broker answers.

    Raises:
        OperationError: none does.
    """
    return KafkaProducer(_producer_properties(settings))


def held_producer(settings: Settings, transactional_id: str) -> TransactionalKafkaProducer:
    """Make a producer that holds its records back in one transaction, so that they become visible all at once.

    Raises:
        OperationError: no broker answers.
    """
    return TransactionalKafkaProducer(_producer_properties(settings), transactional_id)


def _producer_properties(settings: Settings) -> dict[str, object]:
    admin(settings)
    limits = {"compression.type": settings.kafka.compression, "message.max.bytes": settings.kafka.max_record_bytes}
    return limits | client_properties(settings)


def partitions(settings: Settings, topic: str) -> list[int]:
    """List the partition numbers of a topic.

    Raises:
        OperationError: the topic does not exist.
    """
    found = admin(settings).list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    if found.error is not None:
        raise OperationError(f"topic {topic} does not exist: create the topics with `sentinel topics`")
    return sorted(found.partitions)


def follow(
    settings: Settings, topic: str, *, from_beginning: bool, until: Callable[[], bool] = lambda: False
) -> Iterator[Message | None]:
    """Follow the committed records of a topic, in all partitions, without committing offsets.

    Args:
        settings: of the broker.
        topic: to follow.
        from_beginning: whether to start with the records that are there; otherwise with those that come from now on.
        until: checked before each poll; the iteration ends when it holds.

    Yields:
        A record, or None when half a second brought none.

    Raises:
        OperationError: the topic does not exist, or Kafka reports an error.
    """
    start = OFFSET_BEGINNING if from_beginning else OFFSET_END
    with _reader(settings) as consumer:
        consumer.assign([Partition(topic, number, start) for number in partitions(settings, topic)])
        while not until():
            yield _checked(consumer.poll(POLL_S))


def consumer_from_now(settings: Settings, topic: str) -> Consumer:
    """Make a consumer of the committed records of a topic that come from now on, in all partitions.

    The end offsets are read here, so that records between this call and the first poll are not missed.
    """
    consumer = _reader(settings)
    assigned = []
    for number in partitions(settings, topic):
        _, end = consumer.get_watermark_offsets(Partition(topic, number), timeout=TIMEOUT_S)
        assigned.append(Partition(topic, number, end))
    consumer.assign(assigned)
    return consumer


def read_all(settings: Settings, topic: str, timeout_s: float = 60.0) -> Iterator[Message]:
    """Read every committed record that the topic holds now.

    Raises:
        OperationError: the topic does not exist, or its end is not reached in time.
    """
    with _reader(settings, **{"enable.partition.eof": True}) as consumer:
        begins = [Partition(topic, number, OFFSET_BEGINNING) for number in partitions(settings, topic)]
        yield from _read_to_end(consumer, begins, timeout_s)


def read_recent(
    settings: Settings, topic: str, since_ms: int, at_most: int, timeout_s: float = 60.0
) -> Iterator[Message]:
    """Read the committed records of a topic from a time on, or its newest if there are more.

    Args:
        settings: of Kafka.
        topic: to read.
        since_ms: Kafka's time of the oldest record wanted, epoch milliseconds.
        at_most: records to read, about; the same number from each partition.
        timeout_s: longest time that it may take.

    Raises:
        OperationError: the topic does not exist, or its end is not reached in time.
    """
    with _reader(settings, **{"enable.partition.eof": True}) as consumer:
        numbers = partitions(settings, topic)
        wanted = [Partition(topic, number, since_ms) for number in numbers]
        begins = []
        for found in consumer.offsets_for_times(wanted, timeout=TIMEOUT_S):
            _, end = consumer.get_watermark_offsets(Partition(topic, found.partition), timeout=TIMEOUT_S)
            begin = end if found.offset < 0 else max(found.offset, end - -(-at_most // len(numbers)))
            begins.append(Partition(topic, found.partition, begin))
        yield from _read_to_end(consumer, begins, timeout_s)


def _read_to_end(consumer: Consumer, begins: list[Partition], timeout_s: float) -> Iterator[Message]:
    consumer.assign(begins)
    at_end: set[int] = set()
    deadline = time.monotonic() + timeout_s
    while len(at_end) < len(begins):
        message = consumer.poll(POLL_S)
        error = message.error() if message is not None else None
        if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
            at_end.add(message.partition())
        elif (record := _checked(message)) is not None:
            yield record
        if time.monotonic() > deadline:
            raise OperationError(f"topic {begins[0].topic} could not be read to its end in {timeout_s:.0f} s")


def count_readable(
    settings: Settings, starts: Mapping[tuple[str, int], int], within_s: float
) -> dict[tuple[str, int], int]:
    """Count the committed records from given offsets to the end, without markers and aborted records.

    Args:
        settings: of the broker.
        starts: offset to start from, by topic and partition.
        within_s: longest time; partitions that were not read to their end are left out.

    Returns:
        Records by topic and partition.
    """
    counts = dict.fromkeys(starts, 0)
    done: set[tuple[str, int]] = set()
    deadline = time.monotonic() + within_s
    with _reader(settings, **{"enable.partition.eof": True}) as consumer:
        consumer.assign([Partition(topic, number, offset) for (topic, number), offset in starts.items()])
        while len(done) < len(counts) and time.monotonic() < deadline:
            message = consumer.poll(POLL_S)
            if message is None:
                continue
            place, error = (str(message.topic()), int(message.partition() or 0)), message.error()
            if error is None:
                counts[place] += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                done.add(place)
            else:
                _checked(message)
    return {place: counts[place] for place in done}


def _reader(settings: Settings, **more: object) -> Consumer:
    properties = {
        # librdkafka wants a group, although nothing is committed.
        "group.id": f"{settings.kafka.consumer_group}-looking-on",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": settings.kafka.max_record_bytes,
    }
    return Consumer(client_properties(settings) | properties | more)


def _checked(message: Message | None) -> Message | None:
    if message is None:
        return None
    error = message.error()
    if error is not None:
        raise OperationError(f"Kafka: {error.str()}")
    return message
