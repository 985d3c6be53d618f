"""Input of a backtest from Kafka: the records of all input topics in the order in which they were appended."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from apps.backtest.policy import Cause
from apps.backtest.source import InputRecord
from udfs.control.record import decode_control
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import Kind
from udfs.patterns import PatternSet
from udfs.records.refusal import Refusal
from udfs.rules import RuleSet
from udfs.stages.envelope import Envelope

READ_WITHIN_S = 60.0
"""How long a topic may be silent before its end is reached, seconds."""
_FULL, _LOW = 4_000, 1_000
"""Buffered messages at which a partition is paused, and resumed."""
_POLL = 2_000


class TopicsError(Exception):
    """The topics cannot be read; the message says what to do."""


class _Partition(NamedTuple):
    topic: str
    number: int


@dataclass
class _Reading:
    """What is buffered of one partition.

    Attributes:
        end: offset after the last record to read.
        messages: that were read and not yet taken.
        finished: whether all of them were read.
        paused: whether fetching is paused.
    """

    end: int
    messages: deque[Message]
    finished: bool = False
    paused: bool = False


class TopicReader:
    """Reads topics from their beginning to the end that they have when reading begins.

    Args:
        kafka: properties of the client.
        topics: real names of the topics.

    Attributes:
        total: upper bound of the number of records to read.
    """

    def __init__(self, kafka: Mapping[str, Any], topics: Sequence[str]) -> None:
        properties = {
            "group.id": "backtest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
        self._consumer = Consumer({**kafka, **properties})
        self._readings: dict[_Partition, _Reading] = {}
        self.total = 0
        try:
            found = self._consumer.list_topics(timeout=10).topics
            for topic in topics:
                if topic not in found:
                    raise TopicsError(f"there is no topic {topic}: name it in kafka.topics of the settings")
                for number in found[topic].partitions:
                    first, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                    if end > first:
                        self._readings[_Partition(topic, number)] = _Reading(end, deque())
                        self.total += end - first
        except KafkaException as error:
            raise TopicsError(f"Kafka cannot be read: {error.args[0].str()}") from None

    def messages(self) -> Iterator[Message]:
        """Yield all messages: by append time, those of a partition in their order.

        Raises:
            TopicsError: Kafka fails, or does not answer.
        """
        try:
            self._consumer.assign([TopicPartition(*each, OFFSET_BEGINNING) for each in self._readings])
            heads: list[tuple[int, _Partition]] = []
            unfilled = set(self._readings)
            while unfilled or heads:
                for partition in self._fill(unfilled):
                    heapq.heappush(heads, (_append_time(self._readings[partition].messages[0]), partition))
                unfilled.clear()
                if not heads:
                    return
                _, partition = heapq.heappop(heads)
                reading = self._readings[partition]
                yield reading.messages.popleft()
                if reading.paused and len(reading.messages) < _LOW:
                    self._consumer.resume([TopicPartition(*partition)])
                    reading.paused = False
                if reading.messages:
                    heapq.heappush(heads, (_append_time(reading.messages[0]), partition))
                elif not reading.finished:
                    unfilled.add(partition)
        except KafkaException as error:
            raise TopicsError(f"Kafka cannot be read: {error.args[0].str()}") from None
        finally:
            self._consumer.close()

    def _fill(self, unfilled: set[_Partition]) -> list[_Partition]:
        """Read until each of some partitions has a message or is finished; returns those with a message."""
        deadline = time.monotonic() + READ_WITHIN_S
        while any(not self._readings[each].messages and not self._readings[each].finished for each in unfilled):
            if time.monotonic() > deadline:
                raise TopicsError(f"Kafka sent nothing for {READ_WITHIN_S:.0f} s: is the broker well?")
            for message in self._consumer.consume(_POLL, 0.5):
                self._receive(message)
        return sorted(each for each in unfilled if self._readings[each].messages)

    def _receive(self, message: Message) -> None:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise TopicsError(f"Kafka cannot be read: {error.str()}")
        partition = _Partition(message.topic() or "", message.partition() or 0)
        reading, offset = self._readings[partition], message.offset() or 0
        if error is not None or offset >= reading.end:
            reading.finished = True
            return
        reading.messages.append(message)
        reading.finished = reading.finished or offset == reading.end - 1
        if len(reading.messages) >= _FULL and not reading.paused:
            self._consumer.pause([TopicPartition(*partition)])
            reading.paused = True


def _append_time(message: Message) -> int:
    return int(message.timestamp()[1])


def topic_records(reader: TopicReader, kinds: Mapping[str, Kind]) -> Iterator[InputRecord]:
    """Yield the records of the input topics and of control, in order of append time.

    Args:
        reader: of the topics.
        kinds: kind of the records of each topic.
    """
    for message in reader.messages():
        envelope = Envelope(
            kinds[message.topic() or ""],
            message.partition() or 0,
            message.offset() or 0,
            message.key(),
            message.value(),
        )
        yield InputRecord(envelope, _append_time(message))


def recorded_decisions(kafka: Mapping[str, Any], topic: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Read the decisions topic: the last decision of each payment, by user and transaction id."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for message in TopicReader(kafka, [topic]).messages():
        decision = msgspec.json.decode(message.value() or b"{}", type=dict[str, Any])
        found[decision["user_id"], decision["transaction_id"]] = decision
    return found


def recorded_causes(records: Sequence[Envelope]) -> tuple[Cause, ...]:
    """Rules and patterns that recorded control put in force at any time, each once.

    Args:
        records: of the control topic; those that were refused are left out.
    """
    found: dict[Cause, None] = {}
    for record in records:
        control = decode_control(record.value, record.key, FEATURE_NAMES)
        if isinstance(control, Refusal):
            continue
        if isinstance(control.value, RuleSet):
            found |= {Cause("rule", rule.id): None for rule in control.value.all}
        elif isinstance(control.value, PatternSet):
            found |= {Cause("pattern", pattern.id): None for pattern in control.value.all}
    return tuple(found)
