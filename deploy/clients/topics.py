"""Topics: as the settings specify them, and as the broker has them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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

KEEP_FOREVER = "-1"
RETENTION = "retention.ms"
LEADERS_WITHIN_S = 30.0
POLL_S = 0.2
MAX_LONG = str(2**63 - 1)


@dataclass(frozen=True)
class TopicSpec:
    """The specification of one topic.

    Attributes:
        name: of the topic.
        partitions: number of partitions.
        replication: number of replicas.
        config: the broker's settings for the topic.
    """

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True)
class TopicStatus:
    """The state of a topic at the broker.

    Attributes:
        topic: its specification.
        created: whether it was created just now.
        differences: from the specification, one phrase each.
        partitions: number of partitions at the broker.
        replicas: of its first partition at the broker.
        config: the broker's settings for the topic.
    """

    topic: TopicSpec
    created: bool
    differences: tuple[str, ...] = ()
    partitions: int = 0
    replicas: int = 0
    config: Mapping[str, str] = field(default_factory=dict)


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Specify every topic.

    ``control`` and ``lists`` are compacted, ``control-log`` is kept for ever. These have one partition, since their
    records have an order.
    """
    return [_spec(settings, name) for name in settings.kafka.topics.model_dump().values()]


def _spec(settings: Settings, name: str) -> TopicSpec:
    kafka = settings.kafka
    compacted = name in (kafka.topics.control, kafka.topics.lists)
    is_log = name == kafka.topics.control_log
    config = {
        "compression.type": "uncompressed" if kafka.compression == "none" else kafka.compression,
        "max.message.bytes": str(kafka.max_record_bytes),
        "min.insync.replicas": str(kafka.min_insync_replicas),
        # The job stamps its records with event time and refuses times in the future itself; a broker that refused them
        # would stop the job.
        "message.timestamp.after.max.ms": MAX_LONG,
        "cleanup.policy": "compact" if compacted else "delete",
    }
    if not compacted:
        config[RETENTION] = KEEP_FOREVER if is_log else str(kafka.retention_ms)
    return TopicSpec(name, 1 if compacted or is_log else kafka.partitions, kafka.replication_factor, config)


def ensure(settings: Settings, *, update: bool = False) -> list[TopicStatus]:
    """Create the topics that are missing, and compare the others with their specification.

    Args:
        settings: that specify the topics.
        update: whether to change the broker's settings of existing topics to agree.

    Raises:
        OperationError: no broker answers, or it refuses.
    """
    client = kafka_clients.admin(settings)
    topics = topic_specs(settings)
    existing = client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    missing = [topic for topic in topics if topic.name not in existing]
    _create(settings, client, missing)
    for topic in topics:
        differing = {} if topic in missing else _differing(_config(client, topic.name), topic)
        if update and differing:
            _alter(client, topic.name, {key: topic.config[key] for key in differing})
    return status(settings, created=[topic.name for topic in missing])


def status(settings: Settings, created: Collection[str] = ()) -> list[TopicStatus]:
    """Read every topic as the broker has it, and compare it with its specification.

    Args:
        settings: that specify the topics, all of which exist.
        created: names of topics that were created just now.

    Raises:
        OperationError: no broker answers, or it does not know a topic yet.
    """
    client = kafka_clients.admin(settings)
    existing = client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    found = []
    for topic in topic_specs(settings):
        if topic.name not in existing:
            raise OperationError(f"the broker does not show topic {topic.name} yet: try again")
        config, partitions = _config(client, topic.name), existing[topic.name].partitions
        replicas = len(next(iter(partitions.values())).replicas)
        phrases = [
            f"{key} is {value}, settings say {topic.config[key]}" for key, value in _differing(config, topic).items()
        ]
        for count, wanted, name in (
            (len(partitions), topic.partitions, "partitions"),
            (replicas, topic.replication, "replicas"),
        ):
            if count != wanted:
                phrases.append(f"{count} {name}, settings say {wanted}")
        found.append(TopicStatus(topic, topic.name in created, tuple(phrases), len(partitions), replicas, config))
    return sorted(found, key=lambda each: not each.created)


def keep_forever(settings: Settings) -> None:
    """Switch retention by age off.

    Retention goes by the timestamps of records, so replayed transactions of last year are deleted within minutes.
    """
    client = kafka_clients.admin(settings)
    for topic in topic_specs(settings):
        if RETENTION in topic.config:
            _alter(client, topic.name, {RETENTION: KEEP_FOREVER})


def stamp_on_append(settings: Settings) -> None:
    """Let the broker stamp every record at its append, so that latency is measured by one clock."""
    client = kafka_clients.admin(settings)
    for topic in topic_specs(settings):
        _alter(client, topic.name, {"message.timestamp.type": "LogAppendTime"})


def delete(settings: Settings) -> None:
    """Delete every topic of the settings that exists."""
    client = kafka_clients.admin(settings)
    existing = client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics
    names = [topic.name for topic in topic_specs(settings) if topic.name in existing]
    for future in client.delete_topics(names).values() if names else ():
        kafka_clients.await_answer(future)


def delete_named(settings: Settings, text: str) -> None:
    """Delete every topic whose name contains a text, such as those that Kafka libraries create for themselves."""
    client = kafka_clients.admin(settings)
    names = [name for name in client.list_topics(timeout=kafka_clients.TIMEOUT_S).topics if text in name]
    for future in client.delete_topics(names).values() if names else ():
        kafka_clients.await_answer(future)


def records(settings: Settings, name: str) -> int:
    """Count the offsets that a topic has used: its records, and markers of transactions if there are any."""
    client = kafka_clients.admin(settings)
    return sum(kafka_clients.end_offsets(client, name, kafka_clients.partitions(settings, name)).values())


def retention_ms(settings: Settings, name: str) -> int:
    """Read how long the broker keeps a topic's records, milliseconds; -1 means forever."""
    return int(_config(kafka_clients.admin(settings), name)[RETENTION])


def _create(settings: Settings, client: AdminClient, topics: list[TopicSpec]) -> None:
    if not topics:
        return
    requests = [NewTopic(each.name, each.partitions, each.replication, config=each.config) for each in topics]
    for name, future in client.create_topics(requests, operation_timeout=kafka_clients.TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            raise OperationError(f"topic {name} could not be created: {error.args[0].str()}") from None
    deadline = time.monotonic() + LEADERS_WITHIN_S
    leaderless = topics
    while leaderless := _without_leaders(settings, leaderless):
        if time.monotonic() > deadline:
            raise OperationError(f"new topics have no leader after {LEADERS_WITHIN_S:.0f} s: is the broker well?")
        time.sleep(POLL_S)


def _without_leaders(settings: Settings, topics: list[TopicSpec]) -> list[TopicSpec]:
    """Find new topics of which a partition has no leader yet.

    With a new client each time: one that has seen a topic without leaders answers "No leaders found" from its cache.
    """
    client = kafka_clients.admin(settings)
    return [topic for topic in topics if not _has_leaders(client, topic)]


def _has_leaders(client: AdminClient, topic: TopicSpec) -> bool:
    try:
        kafka_clients.end_offsets(client, topic.name, range(topic.partitions))
    except KafkaException:
        return False
    return True


def _differing(actual: Mapping[str, str], topic: TopicSpec) -> dict[str, str]:
    return {key: actual[key] for key, value in topic.config.items() if key in actual and actual[key] != value}


def _config(client: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = kafka_clients.await_answer(client.describe_configs([resource])[resource])
    return {key: entry.value for key, entry in entries.items()}


def _alter(client: AdminClient, name: str, values: dict[str, str]) -> None:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in values.items()]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    try:
        kafka_clients.await_answer(client.incremental_alter_configs([resource])[resource])
    except KafkaException as error:
        raise OperationError(f"topic {name} could not be changed: {error.args[0].str()}") from None
