"""The position of the job in its input topics: how far it is behind, what it lost, and how to skip a backlog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient

from deploy.clients import kafka_clients
from flink_jobs.settings import Settings

COORDINATOR_WITHIN_S = 60.0  # a new broker creates its topic of offsets at the first request for a group
COUNTED_OFFSETS = 500
"""So few offsets of a partition are read to tell records from markers of transactions; more are taken for records."""
COUNTED_WITHIN_S = 5.0
Offsets = dict[int, int]
"""Offsets by number of the partition."""


@dataclass(frozen=True)
class PartitionLag:
    """How far the job is behind in one partition.

    Attributes:
        start: offset from which the job goes on.
        behind: offsets from there to the end.
        committed: whether the job has committed an offset here; without one it has not read the partition.
        lost: records that were deleted before the job read them.
    """

    start: int
    behind: int
    committed: bool
    lost: int


@dataclass(frozen=True)
class TopicLag:
    """How far the job is behind in one topic.

    Attributes:
        topic: its name.
        behind: records that the job has not read, as of its last checkpoint.
        exact: whether markers of transactions are left out of ``behind``; with many records they are counted as well.
        unread_partitions: partitions that hold records, and of which the job has committed nothing.
        lost: records that were deleted before the job read them.
        committed: whether the job has committed any offset of the topic.
        uncertain: partitions in which one offset is gone: a record, or only the marker of a transaction.
    """

    topic: str
    behind: int
    exact: bool
    unread_partitions: int
    lost: int
    committed: bool
    uncertain: int = 0


def partition_lag(begin: int, end: int, committed: int | None) -> PartitionLag:
    """Compare the committed offset of a partition with what the broker holds.

    Args:
        begin: offset of the first record that is left.
        end: offset after the last record.
        committed: by the job; None when it has committed none.
    """
    if committed is None:
        return PartitionLag(begin, end - begin, committed=False, lost=0)
    # Beyond the end: the topic was made anew, and the job starts at its beginning.
    start = begin if committed > end else max(begin, committed)
    return PartitionLag(start, end - start, committed=True, lost=max(0, begin - committed))


def lag(settings: Settings) -> list[TopicLag]:
    """Count what the job has not read of each input topic, by its committed offsets.

    Offsets are committed with each checkpoint, so a job that keeps up is behind by one checkpoint interval. A partition
    without a committed offset, such as one that was added while the job runs, counts as a whole.

    Raises:
        OperationError: no broker answers, or a topic does not exist.
    """
    committed = committed_offsets(settings)
    found = {topic: _partitions(settings, topic, committed.get(topic, {})) for topic in input_topics(settings)}
    few = {
        (topic, number): each.start
        for topic, partitions in found.items()
        for number, each in partitions.items()
        if 0 < each.behind <= COUNTED_OFFSETS
    }
    counted = kafka_clients.count_readable(settings, few, COUNTED_WITHIN_S) if few else {}
    return [topic_lag(topic, partitions, counted) for topic, partitions in found.items()]


def topic_lag(topic: str, partitions: Mapping[int, PartitionLag], counted: Mapping[tuple[str, int], int]) -> TopicLag:
    """Add up the partitions of a topic.

    Args:
        topic: its name.
        partitions: by number.
        counted: records without markers of transactions, of the partitions where they were counted.
    """
    behind = {number: counted.get((topic, number), each.behind) for number, each in partitions.items()}
    return TopicLag(
        topic=topic,
        behind=sum(behind.values()),
        exact=all((topic, number) in counted or not each.behind for number, each in partitions.items()),
        unread_partitions=sum(behind[number] > 0 and not each.committed for number, each in partitions.items()),
        lost=sum(each.lost for each in partitions.values() if each.lost > 1),
        committed=any(each.committed for each in partitions.values()),
        # A sender's last transaction ends in a marker, after which nothing is committed until the next record.
        uncertain=sum(each.lost == 1 for each in partitions.values()),
    )


def lost(settings: Settings, offsets: Mapping[str, Offsets]) -> dict[str, int]:
    """Count by topic the records that were deleted after these offsets; topics without a loss are left out.

    Args:
        settings: of Kafka.
        offsets: from which a job is to go on, by topic.
    """
    found = {
        topic: sum(each.lost for each in _partitions(settings, topic, dict(offsets[topic])).values())
        for topic in input_topics(settings)
        if offsets.get(topic)
    }
    return {topic: count for topic, count in found.items() if count}


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
        for topic in input_topics(settings)
        for number, offset in kafka_clients.end_offsets(
            client, topic, kafka_clients.partitions(settings, topic)
        ).items()
    ]
    if not any(end.offset for end in ends):
        return 0
    committed = committed_offsets(settings)
    kafka_clients.commit(client, group, ends, COORDINATOR_WITHIN_S)
    return sum(end.offset - committed.get(end.topic, {}).get(end.partition, 0) for end in ends)


def input_topics(settings: Settings) -> list[str]:
    """The topics whose offsets the job commits."""
    names = settings.kafka.topics
    return [names.transactions, names.account_events, names.labels]


def committed_offsets(settings: Settings, group: str | None = None) -> dict[str, Offsets]:
    """Read the committed offsets of a consumer group by topic; by default those of the job."""
    return _committed(kafka_clients.admin(settings), group or settings.kafka.consumer_group)


def _committed(client: AdminClient, group: str) -> dict[str, Offsets]:
    request = [ConsumerGroupTopicPartitions(group)]
    try:
        answer = kafka_clients.await_answer(client.list_consumer_group_offsets(request)[group], COORDINATOR_WITHIN_S)
    except KafkaException:
        return {}  # the broker does not know a group that has never committed
    found: dict[str, Offsets] = {}
    for each in answer.topic_partitions:
        if each.offset >= 0:
            found.setdefault(each.topic, {})[each.partition] = each.offset
    return found


def _partitions(settings: Settings, topic: str, committed: Offsets) -> dict[int, PartitionLag]:
    client, numbers = kafka_clients.admin(settings), kafka_clients.partitions(settings, topic)
    begins = kafka_clients.begin_offsets(client, topic, numbers)
    ends = kafka_clients.end_offsets(client, topic, numbers)
    return {number: partition_lag(begins[number], ends[number], committed.get(number)) for number in numbers}
