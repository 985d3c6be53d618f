"""The topics as the settings want them, and as the broker has them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from deploy.clients import kafka_clients
from deploy.errors import OperationError
from flink_jobs.settings import Settings

KEEP_FOR_EVER = "-1"
RETENTION = "retention.ms"
LED_WITHIN_S = 30.0
POLL_S = 0.2
NEVER_TOO_NEW = str(2**63 - 1)


@dataclass(frozen=True)
class Topic:
    """One topic: its name, its partitions, and the broker's settings for it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True)
class Found:
    """What the broker has for a wanted topic.

    Attributes:
        topic: as it is wanted.
        created: whether it was made just now.
        differences: what is otherwise than the settings say, one phrase each.
    """

    topic: Topic
    created: bool
    differences: tuple[str, ...] = ()


def wanted(settings: Settings) -> list[Topic]:
    """Every topic of the system; ``control`` is compacted and has one partition, since its records have an order."""
    names = settings.kafka.topics
    return [_topic(settings, name, compacted=name == names.control) for name in names.model_dump().values()]


def _topic(settings: Settings, name: str, *, compacted: bool) -> Topic:
    kafka = settings.kafka
    config = {
        "compression.type": "uncompressed" if kafka.compression == "none" else kafka.compression,
        "max.message.bytes": str(kafka.max_record_bytes),
        "min.insync.replicas": str(kafka.min_insync_replicas),
        # The job stamps its records with event time. A clock that runs ahead is the job's business (it refuses with a
        # reason); a broker that refuses instead would stop the job.
        "message.timestamp.after.max.ms": NEVER_TOO_NEW,
        "cleanup.policy": "compact" if compacted else "delete",
    }
    if not compacted:
        config[RETENTION] = str(kafka.retention_ms)
    return Topic(name, 1 if compacted else kafka.partitions, kafka.replication_factor, config)


def ensure(settings: Settings, *, update: bool = False) -> list[Found]:
    """Create what is missing and compare what is there; with ``update`` the broker's settings are made to agree.

    Raises:
        OperationError: no broker, or one that refuses.
    """
    client = kafka_clients.admin(settings)
    topics = wanted(settings)
    existing = client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    missing = [topic for topic in topics if topic.name not in existing]
    _create(settings, client, missing)
    found = [Found(topic, created=True) for topic in missing]
    for topic in topics:
        if topic in missing:
            continue
        differing = _differing(client, topic)
        if update and differing:
            _alter(client, topic.name, {key: topic.config[key] for key in differing})
            differing = {}
        phrases = [f"{key} is {value}, settings say {topic.config[key]}" for key, value in differing.items()]
        count = len(existing[topic.name].partitions)
        if count != topic.partitions:
            phrases.append(f"{count} partitions, settings say {topic.partitions}")
        found.append(Found(topic, created=False, differences=tuple(phrases)))
    return found


def keep_for_ever(settings: Settings) -> None:
    """Let no topic forget by age.

    Retention goes by the records' timestamps, so that a replay of last year's transactions would be deleted within
    minutes of its arrival.
    """
    client = kafka_clients.admin(settings)
    for topic in wanted(settings):
        if RETENTION in topic.config:
            _alter(client, topic.name, {RETENTION: KEEP_FOR_EVER})


def stamp_on_append(settings: Settings) -> None:
    """Let the broker stamp every record when it appends it: so latency is measured by one clock, and by no observer."""
    client = kafka_clients.admin(settings)
    for topic in wanted(settings):
        _alter(client, topic.name, {"message.timestamp.type": "LogAppendTime"})


def delete(settings: Settings) -> None:
    """Delete every topic of the settings that is there."""
    client = kafka_clients.admin(settings)
    existing = client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    names = [topic.name for topic in wanted(settings) if topic.name in existing]
    for future in client.delete_topics(names).values() if names else ():
        kafka_clients.answer(future)


def delete_named(settings: Settings, part: str) -> None:
    """Delete every topic whose name holds a text: for programs that make further topics beside those they are given."""
    client = kafka_clients.admin(settings)
    names = [name for name in client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics if part in name]
    for future in client.delete_topics(names).values() if names else ():
        kafka_clients.answer(future)


def records(settings: Settings, name: str) -> int:
    """Number of offsets a topic has used: its records, and the markers of transactions where there are any."""
    client = kafka_clients.admin(settings)
    return sum(kafka_clients.ends(client, name, kafka_clients.partitions(settings, name)).values())


def retention_ms(settings: Settings, name: str) -> int:
    """How long the broker keeps a topic's records, milliseconds; -1 means for ever."""
    return int(_config(kafka_clients.admin(settings), name)[RETENTION])


def _create(settings: Settings, client: AdminClient, topics: list[Topic]) -> None:
    if not topics:
        return
    requests = [NewTopic(each.name, each.partitions, each.replication, config=each.config) for each in topics]
    for name, future in client.create_topics(requests, operation_timeout=kafka_clients.TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            raise OperationError(f"topic {name} could not be created: {error.args[0].str()}") from None
    deadline = time.monotonic() + LED_WITHIN_S
    unled = topics
    while unled := _unled(settings, unled):
        if time.monotonic() > deadline:
            raise OperationError(f"new topics have no leader after {LED_WITHIN_S:.0f} s: is the broker well?")
        time.sleep(POLL_S)


def _unled(settings: Settings, topics: list[Topic]) -> list[Topic]:
    """Those of which not every partition answers yet: the broker knows a new topic a moment before it leads it.

    Asked by a new client each time: one that has heard of a topic without leaders keeps that, and answers "No leaders
    found" from memory for ever after.
    """
    client = kafka_clients.admin(settings)
    return [topic for topic in topics if not _is_led(client, topic)]


def _is_led(client: AdminClient, topic: Topic) -> bool:
    try:
        kafka_clients.ends(client, topic.name, range(topic.partitions))
    except KafkaException:
        return False
    return True


def _differing(client: AdminClient, topic: Topic) -> dict[str, str]:
    actual = _config(client, topic.name)
    return {key: actual[key] for key, value in topic.config.items() if key in actual and actual[key] != value}


def _config(client: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = kafka_clients.answer(client.describe_configs([resource])[resource])
    return {key: entry.value for key, entry in entries.items()}


def _alter(client: AdminClient, name: str, values: dict[str, str]) -> None:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in values.items()]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    try:
        kafka_clients.answer(client.incremental_alter_configs([resource])[resource])
    except KafkaException as error:
        raise OperationError(f"topic {name} could not be changed: {error.args[0].str()}") from None
