"""Sends a round of payments at its rate (open loop): a decision that is late does not delay the next payment."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from threading import Thread

from apps.kafka_producer import KafkaProducer, SendingError
from apps.records import transaction_id
from apps.reference.hostile_records import HostileRecords
from apps.reference.order_free_traffic import TrafficRecord
from deploy.chaos.fault import TrafficShape
from deploy.chaos.traffic import poison_value
from deploy.clients import kafka_clients
from flink_jobs.settings import Settings

_TICK_S = 0.005


class LoadGenerator(Thread):
    """Sends payments, and invalid records between them, in its own thread.

    Args:
        settings: of the job.
        records: payments, in order.
        rate: payments a second.
        shape: of the traffic: invalid and hostile records between the payments.
        experiment: name, which the key of the invalid records carries.
        rng: chooses the invalid records.

    Attributes:
        sent_at: when each transaction was sent, seconds of the wall clock, by id.
        poison_sent: number of invalid records sent.
        error: that ended it early; None otherwise.
    """

    def __init__(
        self,
        settings: Settings,
        records: Sequence[TrafficRecord],
        rate: float,
        shape: TrafficShape,
        experiment: str,
        rng: random.Random,
    ) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._records = records
        self._rate = rate
        self._shape = shape
        self._hostile = HostileRecords(rng, settings.job.max_record_bytes)
        self._poison_key = poison_key(experiment)
        self._rng = rng
        self.sent_at: dict[str, float] = {}
        self.poison_sent = 0
        self.error: SendingError | None = None
        self._producer = kafka_clients.producer(settings)

    def run(self) -> None:
        try:
            self._send(self._producer)
            self._producer.close()
        except SendingError as error:
            self.error = error

    def _send(self, producer: KafkaProducer) -> None:
        topic, started = self._settings.kafka.topics.transactions, time.monotonic()
        poison_due = hostile_due = 0.0
        for number, record in enumerate(self._records):
            while (ahead_s := started + number / self._rate - time.monotonic()) > 0:
                producer.poll()
                time.sleep(min(ahead_s, _TICK_S))
            poison_due += self._shape.poison_per_payment
            hostile_due += self._shape.hostile_per_payment
            while poison_due >= 1:
                producer.send(topic, self._poison_key, poison_value(self._rng, self._settings.job.max_record_bytes))
                self.poison_sent += 1
                poison_due -= 1
            while hostile_due >= 1:
                self._send_hostile(producer, record)
                hostile_due -= 1
            self.sent_at[transaction_id(record.value)] = time.time()
            producer.send(topic, record.key, record.value)

    def _send_hostile(self, producer: KafkaProducer, honest: TrafficRecord) -> None:
        """Send a hostile record with a time near that of an honest payment."""
        hostile = self._hostile.next(json.loads(honest.value)["timestamp"])
        producer.send(self._settings.kafka.topics.of_kind(hostile.kind), hostile.key, hostile.value)


def poison_key(experiment: str) -> bytes:
    """The record key of the invalid records of an experiment, by which their dead letters are found."""
    return f"poison of {experiment}".encode()


def send_labels_and_account_events(settings: Settings, records: Sequence[TrafficRecord]) -> None:
    """Send labels and account events as fast as possible, and wait until the broker has them.

    Raises:
        SendingError: the broker did not take all of them.
    """
    producer = kafka_clients.producer(settings)
    for record in records:
        producer.send(settings.kafka.topics.of_kind(record.kind), record.key, record.value)
    producer.close()
