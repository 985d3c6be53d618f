"""Kafka producers for programs outside the job: ordered by key, and failing loudly when a record is not delivered."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

FLUSH_S = 60.0
TRANSACTION_TIMEOUT_MS = 900_000
"""A broker aborts a transaction that is open for longer; the longest timeout that brokers allow by default."""
_POLL_EVERY = 1_000


class SendingError(Exception):
    """Kafka did not accept a record; the message gives the reason."""


class KafkaProducer:
    """Sends records, and raises if any of them was not delivered.

    Args:
        properties: of the Kafka client, with ``bootstrap.servers``; they override the defaults set here.
    """

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._error: KafkaError | None = None
        self._sent = 0
        self._producer = Producer(
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.size": 1 << 20,
                # The default of every Java client, so records of one user share a partition whichever client sent them.
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 500_000,
                "enable.idempotence": True,
                **properties,
            }
        )

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Queue a record for delivery; blocks while the queue is full.

        Raises:
            SendingError: an earlier record was not delivered.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
                self._check()
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self.poll()

    def deliver(self, topic: str, key: bytes | None, value: bytes | None) -> int:
        """Send a record and wait until the broker has it; returns its offset.

        Raises:
            SendingError: it was not delivered.
        """
        delivered: list[Message] = []

        def report(error: KafkaError | None, message: Message) -> None:
            self._delivered(error, message)
            delivered.append(message)

        self._producer.produce(topic, value, key, on_delivery=report)
        left = self._producer.flush(FLUSH_S)
        self._check()
        if left or not delivered:
            raise SendingError(f"the record was not delivered within {FLUSH_S:.0f} s: is the broker up?")
        return int(delivered[0].offset() or 0)

    def poll(self) -> None:
        """Handle delivery reports of earlier records; call it regularly while few records are sent.

        Raises:
            SendingError: a record was not delivered.
        """
        self._producer.poll(0)
        self._check()

    def close(self) -> None:
        """Wait until every record is delivered.

        Raises:
            SendingError: a record was not delivered.
        """
        left = self._producer.flush(FLUSH_S)
        self._check()
        if left:
            raise SendingError(f"{left} records were not delivered within {FLUSH_S:.0f} s: is the broker up?")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._error = error

    def _check(self) -> None:
        if self._error is not None:
            raise SendingError(f"Kafka did not accept a record: {self._error.str()}")


class TransactionalKafkaProducer(KafkaProducer):
    """Sends all records in one transaction: read-committed consumers see none of them before ``commit``.

    Args:
        properties: see ``KafkaProducer``.
        name: transactional id; a second producer with the same one fences this one off.
    """

    def __init__(self, properties: Mapping[str, object], name: str) -> None:
        super().__init__({**properties, "transactional.id": name, "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS})
        try:
            self._producer.init_transactions(FLUSH_S)
            self._producer.begin_transaction()
        except KafkaException as error:
            raise SendingError(f"Kafka opened no transaction: {error}") from None

    def commit(self) -> None:
        """Make the records visible to read-committed consumers.

        Raises:
            SendingError: the broker aborted the transaction.
        """
        try:
            self._producer.commit_transaction(FLUSH_S)
        except KafkaException as error:
            raise SendingError(f"Kafka did not commit the transaction: {error}") from None
