"""Send simulated records to Kafka: as fast as possible, or paced by the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from apps.kafka_producer import KafkaProducer
from apps.simulator.simulator import Simulator
from apps.simulator.writing import SimulatedRecord
from udfs.names import Topic

_SLEEP_S = 0.005
_BLOCK_S = 0.05
_HISTORY_BLOCK = 2_000


@dataclass
class SendProgress:
    """Counts of the records sent until now.

    Attributes:
        records: records of all topics.
        transactions: payments among them.
        fraud: fraudulent payments among them.
        behind_s: delay of sending behind its pace, seconds; 0 while it keeps up.
    """

    records: int = 0
    transactions: int = 0
    fraud: int = 0
    behind_s: float = 0.0

    def __add__(self, other: SendProgress) -> SendProgress:
        """Add the counts of a later progress; its delay is the one that holds."""
        return SendProgress(
            self.records + other.records,
            self.transactions + other.transactions,
            self.fraud + other.fraud,
            other.behind_s,
        )


class Feed:
    """Sends simulated records to the topics of one Kafka cluster.

    Args:
        producer: of that cluster.
        topics: real name of each topic.
        on_record: called with every record after it was queued for delivery.
    """

    def __init__(
        self,
        producer: KafkaProducer,
        topics: Mapping[Topic, str],
        on_record: Callable[[SimulatedRecord], None] | None = None,
    ) -> None:
        self._producer = producer
        self._topics = topics
        self._on_record = on_record

    def send(self, records: Iterable[SimulatedRecord], progress: SendProgress) -> None:
        """Send records, and count them in ``progress``.

        Raises:
            SendingError: an earlier record was not delivered.
        """
        for record in records:
            self._producer.send(self._topics[record.topic], record.key, record.value)
            if self._on_record is not None:
                self._on_record(record)
            progress.records += 1
            if record.topic == Topic.TRANSACTIONS:
                progress.transactions += 1
                progress.fraud += record.fraud is not None
        self._producer.poll()

    def close(self) -> None:
        """Wait until every record is delivered."""
        self._producer.close()


def send_history(
    feed: Feed, simulator: Simulator, transactions: int, report: Callable[[SendProgress], None]
) -> SendProgress:
    """Send at least ``transactions`` payments, with the account events and labels between them, without pacing."""
    progress = SendProgress()
    while progress.transactions < transactions:
        feed.send(simulator.block(min(_HISTORY_BLOCK, transactions - progress.transactions)), progress)
        report(progress)
    feed.close()
    return progress


def send_live(
    feed: Feed, simulator: Simulator, seconds: float, speedup: float, report: Callable[[SendProgress], None]
) -> SendProgress:
    """Send each record when its event time is reached; event time continues from the simulator's.

    The wall clock sets the pace, not the broker: a slow broker makes records late, which ``behind_s`` shows, instead of
    silently lowering the rate.

    Args:
        feed: destination of the records.
        simulator: source of the records; its rate times ``speedup`` is the number of payments in a second.
        seconds: duration.
        speedup: seconds of event time in a second.
        report: called several times in a second.
    """
    progress = SendProgress()
    started, origin = time.time(), simulator.time
    block = max(1, int(simulator.options.rate * speedup * _BLOCK_S))
    pending: list[SimulatedRecord] = []
    while (elapsed := time.time() - started) < seconds:
        reached = origin + elapsed * 1000 * speedup
        while simulator.time <= reached:
            pending += simulator.block(block)
        due = _count_due(pending, reached)
        progress.behind_s = max(0.0, (reached - pending[0].time) / 1000 / speedup) if due else 0.0
        feed.send(pending[:due], progress)
        del pending[:due]
        report(progress)
        time.sleep(_SLEEP_S)
    feed.close()
    return progress


def _count_due(pending: list[SimulatedRecord], reached: float) -> int:
    for index, record in enumerate(pending):
        if record.time > reached:
            return index
    return len(pending)
