"""Kafka consumer and producer of the peers that use the client library directly."""

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
    # As in the job: the partitions of a backlog are read in parallel, and an empty topic is fetched again soon.
    "max.partition.fetch.bytes": 32 * 1024,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 10,
    "queued.max.messages.kbytes": 16 * 1024,
    "isolation.level": "read_committed",
}


def consumer(options: PeerOptions) -> Consumer:
    """Subscribe to all input topics, from their beginning; offsets are committed by the caller."""
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
    """Return the kind of record in each input topic."""
    return {
        options.transactions: Kind.TRANSACTION,
        options.account_events: Kind.ACCOUNT_EVENT,
        options.labels: Kind.LABEL,
    }


class Reader:
    """Encodes messages as the records that the stages read.

    Args:
        options: names of the topics.
    """

    def __init__(self, options: PeerOptions) -> None:
        self._kinds = kinds(options)

    def records(self, messages: Sequence[Message]) -> list[bytes]:
        """Encode each message as an envelope.

        Raises:
            RuntimeError: a message is a Kafka error.
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
    """Writes decisions and alerts to their topics.

    Args:
        options: names of the topics.
    """

    def __init__(self, options: PeerOptions) -> None:
        self._sender = KafkaProducer(options.kafka)
        self._decisions, self._alerts = options.decisions, options.alerts

    def write(self, decisions: DecisionBatch) -> None:
        """Send a batch, without waiting for its delivery."""
        for key, value in zip(decisions.decision_keys, decisions.decisions, strict=True):
            self._sender.send(self._decisions, key, value)
        for key, value in zip(decisions.alert_keys, decisions.alerts, strict=True):
            self._sender.send(self._alerts, key, value)
        self._sender.poll()

    def flush(self) -> None:
        """Wait until all of them are delivered."""
        self._sender.close()


def run(options: PeerOptions, wait_s: float, decide: Callable[[Sequence[bytes]], DecisionBatch]) -> None:
    """Consume, decide and write without end; offsets are committed after their decisions: at least once.

    Args:
        options: options of the process.
        wait_s: maximum time to fill a batch, seconds.
        decide: decides a batch of encoded envelopes.
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
