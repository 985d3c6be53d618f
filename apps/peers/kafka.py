"""Kafka as a peer with a consumer of its own reads and writes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, Message

from apps.kafka_producer import KafkaProducer
from apps.peers.options import PeerOptions
from udfs.names import Kind
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.envelope import Envelope, encode_envelope

COMMIT_EVERY_S = 1.0

FAIR_FETCHING = {
    # As the job does: of a backlog the partitions are read side by side, and a quiet topic is asked again soon.
    "max.partition.fetch.bytes": 32 * 1024,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 10,
    "queued.max.messages.kbytes": 16 * 1024,
    "isolation.level": "read_committed",
}


def consumer(options: PeerOptions) -> Consumer:
    """A consumer of all input topics, from their beginning; it commits only when it is told to."""
    properties: dict[str, Any] = {
        **options.kafka,
        **FAIR_FETCHING,
        "group.id": options.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    reader = Consumer(properties)
    reader.subscribe(options.inputs)
    return reader


def kinds(options: PeerOptions) -> dict[str, Kind]:
    """What each input topic holds."""
    return {
        options.transactions: Kind.TRANSACTION,
        options.account_events: Kind.ACCOUNT_EVENT,
        options.labels: Kind.LABEL,
    }


class Reader:
    """Messages into records as the stages read them.

    Args:
        options: which topics.
    """

    def __init__(self, options: PeerOptions) -> None:
        self._kinds = kinds(options)

    def records(self, messages: Sequence[Message]) -> list[bytes]:
        """Sealed envelopes.

        Raises:
            RuntimeError: Kafka gave an error instead of a message.
        """
        records = []
        for message in messages:
            if message.error() is not None:
                raise RuntimeError(f"Kafka: {message.error().str()}")
            kind = self._kinds[message.topic()]
            envelope = Envelope(kind, message.partition(), message.offset(), message.key(), message.value())
            records.append(encode_envelope(envelope))
        return records


class Writer:
    """Decisions and alerts into their topics.

    Args:
        options: which topics.
    """

    def __init__(self, options: PeerOptions) -> None:
        self._sender = KafkaProducer(options.kafka)
        self._decisions, self._alerts = options.decisions, options.alerts

    def write(self, verdicts: DecisionBatch) -> None:
        """Hand them over."""
        for key, value in zip(verdicts.decision_keys, verdicts.decisions, strict=True):
            self._sender.send(self._decisions, key, value)
        for key, value in zip(verdicts.alert_keys, verdicts.alerts, strict=True):
            self._sender.send(self._alerts, key, value)
        self._sender.poll()

    def flush(self) -> None:
        """Wait until Kafka has all of them."""
        self._sender.close()


def run(options: PeerOptions, wait_s: float, decide: Callable[[Sequence[bytes]], DecisionBatch]) -> None:
    """Consume, decide, write, for ever; offsets are committed once their decisions are in Kafka: at least once.

    Args:
        options: of the peer.
        wait_s: how long a batch may gather.
        decide: a batch of records.
    """
    reader, writer = Reader(options), Writer(options)
    with consumer(options) as source:
        committed = time.monotonic()
        while True:
            messages = source.consume(options.batch, wait_s)
            if messages:
                writer.write(decide(reader.records(messages)))
            if time.monotonic() - committed > COMMIT_EVERY_S:
                committed = time.monotonic()
                writer.flush()
                source.commit(asynchronous=True)
