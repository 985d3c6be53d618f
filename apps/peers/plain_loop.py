"""The stages in a plain loop, without engine, Kafka or durable state: the ceiling of these cores.

It runs in one process, and in two at a time: where two cores are two threads of one physical core, each may do less
while the other is busy.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from apps.peers.kafka import Reader
from apps.peers.options import LoopMeasurement, PeerOptions, read_options
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.peers.work import Decide, stages

BATCH = 1_000
WARM_UP = 5
"""Batches before the measurement."""
READ_WITHIN_S = 120.0

_PROMISES = Guarantees(
    state="lost with the process",
    alerts="not written",
    late="corrected",
    live="no",
    rescale="no",
)


def _peer(name: str, title: str, processes: int) -> Peer:
    return Peer(
        name=name,
        title=title,
        module=__name__,
        runtime=Runtime.IN_MEMORY,
        guarantees=_PROMISES,
        processes=processes,
        batch=BATCH,
    )


PEERS = (
    _peer("plain-loop", "plain loop in memory (the ceiling)", 1),
    _peer("plain-loop-2", "plain loop in memory, two processes (the ceiling of two cores)", 2),
)


def in_memory() -> Decide:
    """Decide batches in this process."""
    pipeline = stages()
    return lambda records, now_ms: pipeline.process(records, now_ms)[1].decisions.decisions


def read_all(options: PeerOptions) -> list[bytes]:
    """Read this process's share of the partitions of the input topics, ordered by append time.

    A user's records are in partitions of the same number in all topics, so each process has a disjoint set of users.

    Raises:
        RuntimeError: the topics cannot be read to their ends in time.
    """
    properties = {"group.id": options.group, "enable.auto.commit": False, "enable.partition.eof": True}
    messages: list[Message] = []
    with Consumer({**options.kafka, **properties}) as source:
        found = source.list_topics(timeout=10).topics
        partitions = [
            TopicPartition(topic, number, OFFSET_BEGINNING)
            for topic in options.inputs
            for number in found[topic].partitions
            if number % options.processes == options.process
        ]
        source.assign(partitions)
        remaining = len(partitions)
        deadline = time.monotonic() + READ_WITHIN_S
        while remaining:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the topics could not be read to their ends within {READ_WITHIN_S:.0f} s")
            for message in source.consume(10_000, 0.5):
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    remaining -= 1
                else:
                    messages.append(message)
    messages.sort(key=lambda message: message.timestamp()[1])
    return Reader(options).records(messages)


def measure(records: Sequence[bytes], decide: Decide) -> LoopMeasurement:
    """Decide all records and measure it, without the first few batches."""
    decisions = 0
    begun, cpu_seconds = time.monotonic(), time.process_time()
    for start in range(0, len(records), BATCH):
        if start == WARM_UP * BATCH:
            decisions, begun, cpu_seconds = 0, time.monotonic(), time.process_time()
        decisions += len(decide(records[start : start + BATCH], time.time_ns() // 1_000_000))
    return LoopMeasurement(
        decisions=decisions,
        begun=begun,
        ended=time.monotonic(),
        cpu_seconds=time.process_time() - cpu_seconds,
    )


def main() -> None:
    """Read, decide, and print the measurement."""
    loop = measure(read_all(read_options()), in_memory())
    sys.stdout.write(msgspec.json.encode(loop).decode() + "\n")


if __name__ == "__main__":
    main()
