"""Sends simulated records to Kafka: as fast as it can, or paced against the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from apps.kafka_producer import KafkaProducer
from apps.simulator.simulator import Simulator
from apps.simulator.writing import SimulatedRecord
from udfs.names import Topic

_TICK_S = 0.005
_BLOCK_S = 0.05
_HISTORY_BLOCK = 2_000


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

    def __add__(self, later: Sent) -> Sent:
        """What both have sent."""
        return Sent(
            self.records + later.records,
            self.transactions + later.transactions,
            self.fraud + later.fraud,
            later.behind_s,
        )


class Feed:
    """Simulated records into the topics of one Kafka.

    Args:
        sender: to that Kafka.
        topics: real name of each topic.
        note: is told of every record that is handed over.
    """

    def __init__(
        self, sender: KafkaProducer, topics: Mapping[Topic, str], note: Callable[[SimulatedRecord], None] | None = None
    ) -> None:
        self._sender = sender
        self._topics = topics
        self._note = note

    def send(self, records: Iterable[SimulatedRecord], sent: Sent) -> None:
        """Send records and count them.

        Raises:
            SendingError: an earlier record was not delivered.
        """
        for record in records:
            self._sender.send(self._topics[record.topic], record.key, record.value)
            if self._note is not None:
                self._note(record)
            sent.records += 1
            if record.topic == Topic.TRANSACTIONS:
                sent.transactions += 1
                sent.fraud += record.fraud is not None
        self._sender.tick()

    def close(self) -> None:
        """Wait until all is delivered."""
        self._sender.close()


def send_history(feed: Feed, simulator: Simulator, transactions: int, tell: Callable[[Sent], None]) -> Sent:
    """Send so many transactions, and what else happens meanwhile, as fast as it goes."""
    sent = Sent()
    while sent.transactions < transactions:
        feed.send(simulator.block(min(_HISTORY_BLOCK, transactions - sent.transactions)), sent)
        tell(sent)
    feed.close()
    return sent


def send_live(feed: Feed, simulator: Simulator, seconds: float, speedup: float, tell: Callable[[Sent], None]) -> Sent:
    """Send each record when its event time has come; event time goes on from where the simulator is.

    The pace is the clock's and not the broker's: what is held up is sent late and shows as ``behind_s``, the rate does
    not silently fall.

    Args:
        feed: to Kafka.
        simulator: what is sent; so many payments a second as its rate times ``speedup``.
        seconds: how long.
        speedup: seconds of event time in a second.
        tell: is told several times a second.
    """
    sent = Sent()
    begun, origin = time.time(), simulator.time
    block = max(1, int(simulator.options.rate * speedup * _BLOCK_S))
    due: list[SimulatedRecord] = []
    while (elapsed := time.time() - begun) < seconds:
        reached = origin + elapsed * 1000 * speedup
        while simulator.time <= reached:
            due += simulator.block(block)
        ready = _ready(due, reached)
        sent.behind_s = max(0.0, (reached - due[0].time) / 1000 / speedup) if ready else 0.0
        feed.send(due[:ready], sent)
        del due[:ready]
        tell(sent)
        time.sleep(_TICK_S)
    feed.close()
    return sent


def _ready(due: list[SimulatedRecord], reached: float) -> int:
    for index, record in enumerate(due):
        if record.time > reached:
            return index
    return len(due)
