"""The position of the job in its input topics: how many records it is behind, and how to skip a backlog."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient

from deploy.clients import kafka_clients
from flink_jobs.settings import Settings

COORDINATOR_WITHIN_S = 60.0  # a new broker creates its topic of offsets at the first request for a group


def lag(settings: Settings) -> dict[str, int | None]:
    """Count the records of each input topic after the committed offsets; None when nothing is committed there.

    Offsets are committed with each checkpoint, so a job that keeps up has a lag of one checkpoint interval.
    """
    client = kafka_clients.admin(settings)
    committed = _committed(client, settings.kafka.consumer_group)
    return {topic: _behind(client, topic, committed) for topic in _inputs(settings)}


def skip_backlog(settings: Settings) -> int:
    """Commit the end of each input topic, so that a job that starts from its group's offsets skips what is there.

    The group must have no running job.

    Returns:
        Number of records skipped.
    """
    client = kafka_clients.admin(settings)
    group = settings.kafka.consumer_group
    ends = [
        Partition(topic, number, offset)
        for topic in _inputs(settings)
        for number, offset in kafka_clients.end_offsets(
            client, topic, kafka_clients.partitions(settings, topic)
        ).items()
    ]
    if not any(end.offset for end in ends):
        return 0
    committed = _committed(client, group)
    request = [ConsumerGroupTopicPartitions(group, ends)]
    kafka_clients.await_answer(client.alter_consumer_group_offsets(request)[group], COORDINATOR_WITHIN_S)
    return sum(end.offset - committed.get((end.topic, end.partition), 0) for end in ends)


def _inputs(settings: Settings) -> list[str]:
    names = settings.kafka.topics
    return [names.transactions, names.account_events, names.labels]


def _committed(client: AdminClient, group: str) -> dict[tuple[str, int], int]:
    request = [ConsumerGroupTopicPartitions(group)]
    try:
        answer = kafka_clients.await_answer(client.list_consumer_group_offsets(request)[group], COORDINATOR_WITHIN_S)
    except KafkaException:
        return {}  # the broker does not know a group that has never committed
    return {(each.topic, each.partition): each.offset for each in answer.topic_partitions if each.offset >= 0}


def _behind(client: AdminClient, topic: str, committed: dict[tuple[str, int], int]) -> int | None:
    offsets = {partition: offset for (name, partition), offset in committed.items() if name == topic}
    if not offsets:
        return None
    ends = kafka_clients.end_offsets(client, topic, offsets)
    return sum(max(0, end - offsets[number]) for number, end in ends.items())
