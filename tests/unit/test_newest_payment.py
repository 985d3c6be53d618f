"""The newest payment in Kafka is found among the last of all partitions, also where the very last are refused."""

from __future__ import annotations

import time
from types import SimpleNamespace, TracebackType
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition

from deploy.clients import kafka_clients
from deploy.clients.newest_payment import newest_event_time
from flink_jobs.settings import load_settings

NOW_MS = round(time.time() * 1000)


class Record:
    """A record of the topic."""

    def __init__(self, partition: int, offset: int, event_time: int | str) -> None:
        self._place = (partition, offset)
        payment = {"transaction_id": "t", "user_id": "u", "amount": 1, "currency": "EUR", "merchant_id": "m"}
        self._value = msgspec.json.encode(payment | {"timestamp": event_time})

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def key(self) -> bytes:
        return b"u"

    def value(self) -> bytes:
        return self._value

    def error(self) -> None:
        """The record was read."""


class Topic:
    """Stands in for a consumer of a topic with the records of some partitions."""

    def __init__(self, *partitions: list[int | str]) -> None:
        self.records = [
            [Record(at, offset, each) for offset, each in enumerate(times)] for at, times in enumerate(partitions)
        ]
        self.left: list[Record] = []

    def __enter__(self) -> Topic:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        return 0, len(self.records[partition.partition])

    def assign(self, starts: list[TopicPartition]) -> None:
        self.left = [record for start in starts for record in self.records[start.partition][start.offset :]]

    def poll(self, _: float) -> Record | None:
        return self.left.pop(0) if self.left else None


@pytest.mark.parametrize(
    ("partitions", "newest"),
    [
        ([[NOW_MS - 9, NOW_MS - 5], [NOW_MS - 7], []], NOW_MS - 5),
        ([[NOW_MS - 9, "tomorrow", NOW_MS + 10**9]], NOW_MS - 9),
        ([[NOW_MS] + [NOW_MS - 5] * 60], NOW_MS - 5),
        ([[], []], None),
        ([["tomorrow"]], None),
    ],
)
def test_the_newest_of_the_last_accepted_payments_counts(
    partitions: Any, newest: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    topic = Topic(*partitions)
    metadata = SimpleNamespace(error=None, partitions=dict.fromkeys(range(len(partitions))))
    listed = SimpleNamespace(topics={settings.kafka.topics.transactions: metadata})
    monkeypatch.setattr(kafka_clients, "admin", lambda _: SimpleNamespace(list_topics=lambda timeout: listed))
    monkeypatch.setattr(kafka_clients, "consumer_from_now", lambda *_: topic)
    assert newest_event_time(settings) == newest


def test_without_a_topic_no_time_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = SimpleNamespace(topics={})
    monkeypatch.setattr(kafka_clients, "admin", lambda _: SimpleNamespace(list_topics=lambda timeout: listed))
    assert newest_event_time(load_settings()) is None
