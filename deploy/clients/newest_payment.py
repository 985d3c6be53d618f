"""Find out how far the event time of the payments in Kafka has come."""

from __future__ import annotations

import time

from confluent_kafka import TopicPartition as Partition

from deploy.clients import kafka_clients
from flink_jobs.settings import Settings
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction

_TAIL = 50
"""Records read at the end of each partition: some of them may be refused by the job or early."""
_WITHIN_S = 5.0


def newest_event_time(settings: Settings) -> int | None:
    """Find the newest event time among the last payments of each partition, epoch milliseconds.

    Returns:
        None if there is no topic or no payment that the job accepts.

    Raises:
        OperationError: no Kafka answers.
    """
    topic = settings.kafka.topics.transactions
    found = kafka_clients.admin(settings).list_topics(timeout=kafka_clients.TIMEOUT_S).topics.get(topic)
    if found is None or found.error is not None:
        return None
    newest: int | None = None
    with kafka_clients.consumer_from_now(settings, topic) as consumer:
        starts, left = [], {}
        for number in found.partitions:
            low, high = consumer.get_watermark_offsets(Partition(topic, number), timeout=kafka_clients.TIMEOUT_S)
            if high > low:
                starts.append(Partition(topic, number, max(low, high - _TAIL)))
                left[number] = high
        consumer.assign(starts)
        deadline = time.monotonic() + _WITHIN_S
        while left and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is None or message.error() is not None:
                continue
            read = decode_transaction(message.value(), message.key(), round(time.time() * 1000), settings.limits)
            if not isinstance(read, Refusal):
                newest = read.event_time if newest is None else max(newest, read.event_time)
            if (message.offset() or 0) + 1 >= left.get(message.partition() or 0, 0):
                left.pop(message.partition() or 0, None)
    return newest
