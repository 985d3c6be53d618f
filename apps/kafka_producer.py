"""A Kafka producer for programs beside the job: fast, ordered by key, and loud about what is not delivered."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

FLUSH_S = 60.0
HELD_MS = 900_000
"""What is held back longer is given up: the longest that a broker allows by its own default."""
_POLL_EVERY = 1_000


class SendingError(Exception):
    """Kafka did not take what was sent; the message says what and why."""


class KafkaProducer:
    """Sends records, and raises for any that did not arrive.

    Args:
        properties: of the Kafka client, with ``bootstrap.servers``; they win over what is set here.
    """

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._error: KafkaError | None = None
        self._sent = 0
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

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Hand a record over; waits while the queue is full.

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
            self.tick()

    def tick(self) -> None:
        """Hear what became of earlier records; to be called now and then where few are sent.

        Raises:
            SendingError: one was not delivered.
        """
        self._producer.poll(0)
        self._check()

    def close(self) -> None:
        """Wait until all is delivered.

        Raises:
            SendingError: some of it was not.
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
            raise SendingError(f"Kafka did not take a record: {self._error.str()}")


class HeldKafkaProducer(KafkaProducer):
    """Sends records that no read-committed consumer sees before all of them are released, in one transaction.

    Args:
        properties: as of ``Sender``.
        name: of the transactions; no other sender may have it at the same time.
    """

    def __init__(self, properties: Mapping[str, object], name: str) -> None:
        super().__init__({**properties, "transactional.id": name, "transaction.timeout.ms": HELD_MS})
        try:
            self._producer.init_transactions(FLUSH_S)
            self._producer.begin_transaction()
        except KafkaException as error:
            raise SendingError(f"Kafka opened no transaction: {error}") from None

    def release(self) -> None:
        """Let everybody see them.

        Raises:
            SendingError: the broker gave the transaction up.
        """
        try:
            self._producer.commit_transaction(FLUSH_S)
        except KafkaException as error:
            raise SendingError(f"Kafka did not commit what was held back: {error}") from None
