"""Where the job is in its input: how far it is behind, and how it is made to skip what is there."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient

from deploy.clients import kafka_clients
from flink_jobs.settings import Settings

COORDINATOR_WITHIN_S = 60.0  # a new broker makes its topic of offsets when the first group is asked for


def lag(settings: Settings) -> dict[str, int | None]:
    """Records of each input topic that no checkpoint has covered; None when the job has committed nothing there.

    Offsets are committed with each checkpoint, so a job that keeps up shows one checkpoint interval of lag.
    """
    client = kafka_clients.admin(settings)
    committed = _committed(client, settings.kafka.consumer_group)
    return {topic: _behind(client, topic, committed) for topic in _inputs(settings)}


def skip_backlog(settings: Settings) -> int:
    """Let a job that starts from its group's offsets begin with what comes from now on; records skipped.

    Only for a group that no job uses at the moment.
    """
    client = kafka_clients.admin(settings)
    group = settings.kafka.consumer_group
    ends = [
        Partition(topic, number, offset)
        for topic in _inputs(settings)
        for number, offset in kafka_clients.ends(client, topic, kafka_clients.partitions(settings, topic)).items()
    ]
    if not any(end.offset for end in ends):
        return 0
    committed = _committed(client, group)
    request = [ConsumerGroupTopicPartitions(group, ends)]
    kafka_clients.answer(client.alter_consumer_group_offsets(request)[group], COORDINATOR_WITHIN_S)
    return sum(end.offset - committed.get((end.topic, end.partition), 0) for end in ends)


def _inputs(settings: Settings) -> list[str]:
    names = settings.kafka.topics
    return [names.transactions, names.account_events, names.labels]


def _committed(client: AdminClient, group: str) -> dict[tuple[str, int], int]:
    request = [ConsumerGroupTopicPartitions(group)]
    try:
        answer = kafka_clients.answer(client.list_consumer_group_offsets(request)[group], COORDINATOR_WITHIN_S)
    except KafkaException:
        return {}  # a group that has never committed is unknown to the broker
    return {(each.topic, each.partition): each.offset for each in answer.topic_partitions if each.offset >= 0}


def _behind(client: AdminClient, topic: str, committed: dict[tuple[str, int], int]) -> int | None:
    ours = {partition: offset for (name, partition), offset in committed.items() if name == topic}
    if not ours:
        return None
    return sum(max(0, end - ours[number]) for number, end in kafka_clients.ends(client, topic, ours).items())
