"""Kafka clients of the command line: configured from the settings, bounded in time, quiet while they wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient, OffsetSpec

from apps.kafka_producer import KafkaProducer, TransactionalKafkaProducer
from deploy.errors import OperationError
from flink_jobs.settings import Settings

T = TypeVar("T")
TIMEOUT_S = 10.0
POLL_S = 0.5


def client_properties(settings: Settings) -> dict[str, Any]:
    """What every client is given."""
    return {
        "bootstrap.servers": settings.kafka.bootstrap_servers,
        # librdkafka writes each refused connection to stderr; what matters comes as an exception.
        "log_level": 0,
        **_own_properties(settings),
    }


def _own_properties(settings: Settings) -> dict[str, str]:
    kafka = settings.kafka
    return kafka.properties if kafka.librdkafka_properties is None else kafka.librdkafka_properties


def admin(settings: Settings) -> AdminClient:
    """An admin client to a broker that answers.

    Raises:
        OperationError: when none does.
    """
    client = AdminClient(client_properties(settings))
    try:
        client.list_topics(timeout=TIMEOUT_S)
    except KafkaException:
        raise OperationError(
            f"no Kafka answers at {settings.kafka.bootstrap_servers}: "
            "start the local stack with `sentinel up`, or correct kafka.bootstrap_servers"
        ) from None
    return client


def answer(future: Future[T], within_s: float = TIMEOUT_S) -> T:
    """What the broker says to an admin request.

    Raises:
        OperationError: it says nothing in time.
        KafkaException: it refuses.
    """
    try:
        return future.result(timeout=within_s)
    except TimeoutError:
        raise OperationError(
            f"Kafka did not answer an admin request within {within_s:.0f} s: is the broker well?"
        ) from None


def ends(client: AdminClient, topic: str, numbers: Iterable[int]) -> dict[int, int]:
    """The offset after the last record of each partition.

    Raises:
        KafkaException: a partition is not led by the broker that was asked.
    """
    request = {Partition(topic, number): OffsetSpec.latest() for number in numbers}
    found = client.list_offsets(request, request_timeout=TIMEOUT_S)
    return {partition.partition: int(answer(future).offset) for partition, future in found.items()}


def sender(settings: Settings) -> KafkaProducer:
    """A producer to a broker that answers.

    Raises:
        OperationError: when none does.
    """
    return KafkaProducer(_of_sender(settings))


def held_sender(settings: Settings, name: str) -> TransactionalKafkaProducer:
    """One whose records are seen all at once; ``name`` is that of its transactions.

    Raises:
        OperationError: when no broker answers.
    """
    return TransactionalKafkaProducer(_of_sender(settings), name)


def _of_sender(settings: Settings) -> dict[str, object]:
    admin(settings)
    own = {"compression.type": settings.kafka.compression, "message.max.bytes": settings.kafka.max_record_bytes}
    return own | client_properties(settings)


def partitions(settings: Settings, topic: str) -> list[int]:
    """The partition numbers of a topic.

    Raises:
        OperationError: when the topic does not exist.
    """
    found = admin(settings).list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    if found.error is not None:
        raise OperationError(f"topic {topic} does not exist: create the topics with `sentinel topics`")
    return sorted(found.partitions)


def follow(
    settings: Settings, topic: str, *, from_beginning: bool, until: Callable[[], bool] = lambda: False
) -> Iterator[Message | None]:
    """Committed records of a topic as they come, all partitions; None whenever half a second brought nothing.

    Belongs to no consumer group and commits nothing: anybody may look without disturbing anybody.
    """
    start = OFFSET_BEGINNING if from_beginning else OFFSET_END
    with _reader(settings) as consumer:
        consumer.assign([Partition(topic, number, start) for number in partitions(settings, topic)])
        while not until():
            yield _checked(consumer.poll(POLL_S))


def follower(settings: Settings, topic: str) -> Consumer:
    """A consumer of committed records of a topic that come from now on, all partitions.

    Where "now" is, is asked here and not at its first poll: what comes between the two is not missed.
    """
    consumer = _reader(settings)
    assigned = []
    for number in partitions(settings, topic):
        _, end = consumer.get_watermark_offsets(Partition(topic, number), timeout=TIMEOUT_S)
        assigned.append(Partition(topic, number, end))
    consumer.assign(assigned)
    return consumer


def read_all(settings: Settings, topic: str, timeout_s: float = 60.0) -> Iterator[Message]:
    """Every committed record that the topic holds now, then an end.

    Raises:
        OperationError: when the end is not reached in time.
    """
    with _reader(settings, **{"enable.partition.eof": True}) as consumer:
        numbers = partitions(settings, topic)
        consumer.assign([Partition(topic, number, OFFSET_BEGINNING) for number in numbers])
        at_end: set[int] = set()
        deadline = time.monotonic() + timeout_s
        while len(at_end) < len(numbers):
            message = consumer.poll(POLL_S)
            error = message.error() if message is not None else None
            if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            elif (record := _checked(message)) is not None:
                yield record
            if time.monotonic() > deadline:
                raise OperationError(f"topic {topic} could not be read to its end in {timeout_s:.0f} s")


def _reader(settings: Settings, **more: object) -> Consumer:
    properties = {
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
