"""Sends a wave at its rate, whatever becomes of it: a late answer does not make the next payment wait (open loop)."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from threading import Thread

from apps.kafka_producer import KafkaProducer, SendingError
from apps.records import transaction_id
from apps.reference.order_free_traffic import Sent
from deploy.chaos.traffic import poison
from deploy.clients import kafka_clients
from flink_jobs.settings import Settings
from udfs.names import Kind

_TICK_S = 0.005


class Load(Thread):
    """Sends payments from a thread of its own.

    Args:
        settings: where to.
        records: in order.
        rate: payments a second.
        poisonous: refused records for each payment.
        act: whose they are.
        rng: which ones.

    Attributes:
        sent_at: when each transaction was sent, wall clock in seconds, by id.
        poisoned: refused records sent.
        error: what ended it before its time.
    """

    def __init__(
        self, settings: Settings, records: Sequence[Sent], rate: float, poisonous: float, act: str, rng: random.Random
    ) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._records = records
        self._rate = rate
        self._poisonous = poisonous
        self._key = poisonous_key(act)
        self._rng = rng
        self.sent_at: dict[str, float] = {}
        self.poisoned = 0
        self.error: SendingError | None = None
        self._sender = kafka_clients.sender(settings)

    def run(self) -> None:
        try:
            self._send(self._sender)
            self._sender.close()
        except SendingError as error:
            self.error = error

    def _send(self, sender: KafkaProducer) -> None:
        topic, begun = self._settings.kafka.topics.transactions, time.monotonic()
        owed = 0.0
        for number, record in enumerate(self._records):
            while (ahead := begun + number / self._rate - time.monotonic()) > 0:
                sender.tick()
                time.sleep(min(ahead, _TICK_S))
            owed += self._poisonous
            while owed >= 1:
                bad = poison(self._rng, self._settings.job.max_record_bytes)
                sender.send(topic, self._key, bad)
                self.poisoned += 1
                owed -= 1
            self.sent_at[transaction_id(record.value)] = time.time()
            sender.send(topic, record.key, record.value)


def poisonous_key(act: str) -> bytes:
    """The record key of the refused records of an act."""
    return f"poison of {act}".encode()


def send_aside(settings: Settings, records: Sequence[Sent]) -> None:
    """Send labels and account events at once, and wait until the broker has them."""
    names = settings.kafka.topics
    topics = {Kind.LABEL: names.labels, Kind.ACCOUNT_EVENT: names.account_events}
    sender = kafka_clients.sender(settings)
    for record in records:
        sender.send(topics[record.kind], record.key, record.value)
    sender.close()
