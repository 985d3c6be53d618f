"""Sends simulated records to Kafka: as fast as it can, or paced against the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import KafkaError, Message, Producer

from apps.simulator.simulator import Options, Simulator
from apps.simulator.writing import SimulatedRecord
from udfs.names import Topic

_FLUSH_S = 60.0
_TICK_S = 0.005
_BLOCK_S = 0.05
_POLL_EVERY = 1_000


class SendingError(Exception):
    """Kafka did not take what was sent; the message says what and why."""


@dataclass
class Sent:
    """What has gone out so far.

    Attributes:
        records: of all topics.
        transactions: of those, payments.
        fraud: of those, fraud.
        behind_s: how far sending is behind its pace, seconds; 0 when it keeps up.
    """

    records: int = 0
    transactions: int = 0
    fraud: int = 0
    behind_s: float = 0.0


class Sender:
    """A Kafka producer that notices what is not delivered.

    Args:
        properties: of the Kafka client, with ``bootstrap.servers``.
        topics: real name of each topic.
    """

    def __init__(self, properties: Mapping[str, str], topics: Mapping[Topic, str]) -> None:
        self._topics = topics
        self._error: KafkaError | None = None
        self._producer = Producer(
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.size": 1 << 20,
                # The partitioner of every Java client: a user's records lie in one partition, whoever sends them.
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 500_000,
                "enable.idempotence": True,
                **properties,
            }
        )

    def send(self, records: Iterable[SimulatedRecord], sent: Sent) -> None:
        """Hand records over to the producer and count them; waits while its queue is full.

        Raises:
            SendingError: an earlier record was not delivered.
        """
        for record in records:
            self._produce(self._topics[record.topic], record.key, record.value)
            sent.records += 1
            if record.topic == Topic.TRANSACTIONS:
                sent.transactions += 1
                sent.fraud += record.fraud is not None
            if sent.records % _POLL_EVERY == 0:
                self._producer.poll(0)
        self._producer.poll(0)
        self._check()

    def close(self) -> None:
        """Wait until all is delivered.

        Raises:
            SendingError: some of it was not.
        """
        left = self._producer.flush(_FLUSH_S)
        self._check()
        if left:
            raise SendingError(f"{left} records were not delivered within {_FLUSH_S:.0f} s: is the broker up?")

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            else:
                return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._error = error

    def _check(self) -> None:
        if self._error is not None:
            raise SendingError(f"Kafka did not take a record: {self._error.str()}")


def send_history(sender: Sender, simulator: Simulator, transactions: int, tell: Callable[[Sent], None]) -> Sent:
    """Send so many transactions, and what else happens meanwhile, as fast as it goes."""
    sent = Sent()
    while sent.transactions < transactions:
        sender.send(simulator.block(min(2_000, transactions - sent.transactions)), sent)
        tell(sent)
    sender.close()
    return sent


def send_live(sender: Sender, options: Options, seconds: float, tell: Callable[[Sent], None]) -> Sent:
    """Send at the rate of the options, each record at its own event time, which is now.

    The pace is the clock's and not the broker's: what is held up is sent late and shows as ``behind_s``, the rate does
    not silently fall.

    Args:
        sender: to Kafka.
        options: their ``start`` is put to now.
        seconds: how long.
        tell: is told several times a second.
    """
    simulator = Simulator(_from_now(options))
    sent = Sent()
    block = max(1, int(options.rate * _BLOCK_S))
    end = time.time() + seconds
    due: list[SimulatedRecord] = []
    while (now := time.time()) < end:
        while not due or due[-1].time <= now * 1000:
            due += simulator.block(block)
        ready = _ready(due, now * 1000)
        sent.behind_s = max(0.0, now - due[0].time / 1000) if ready else 0.0
        sender.send(due[:ready], sent)
        del due[:ready]
        tell(sent)
        time.sleep(_TICK_S)
    sender.close()
    return sent


def _from_now(options: Options) -> Options:
    return replace(options, start=int(time.time() * 1000), by_the_hour=False)


def _ready(due: list[SimulatedRecord], now_ms: float) -> int:
    for index, record in enumerate(due):
        if record.time > now_ms:
            return index
    return len(due)
