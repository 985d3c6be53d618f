"""Messages between stages: one block of bytes for each target shard and batch.

Features travel as one run of float64: encoding them one by one would cost more than computing them.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from state.event_time_clock import NO_WATERMARK
from udfs.patterns import Match
from udfs.records.label import Label

MAX_MESSAGE_PAYMENTS = 256
"""Payments in a message, some 500 KB. After a stall a batch holds thousands; as one block of tens of megabytes, which
Java copies several times, they exhaust the memory of a TaskManager."""


class Payment(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction with the fields that the stages after the user stage need.

    Attributes:
        event_time: epoch milliseconds.
        late: whether it is further behind its partition's newest payment than the allowed disorder.
        matches: of patterns, found so far.
        value: the record as it arrived, for the alert.
        too_late: whether it is later than features are exact for.
    """

    transaction_id: str
    user_id: str
    merchant_id: str
    device_id: str | None
    amount: float
    event_time: int
    declined: bool
    late: bool
    matches: tuple[Match, ...]
    value: bytes
    too_late: bool = False


class StageMessage(msgspec.Struct, array_like=True, frozen=True):
    """The part of a shard's batch that concerns one shard of the next stage.

    Attributes:
        source: number of the sending shard among all that send to the same stage.
        watermark: event time up to which the sending shard is complete, epoch milliseconds.
        payments: n, in order of processing.
        features: of the payments so far, (n, width) float64, row after row.
        labels: that concern an entity of the target shard.
    """

    source: int
    watermark: int
    payments: list[Payment]
    features: bytes
    labels: list[Label]

    def matrix(self, width: int) -> NDArray[np.float64]:
        """The features as an array (n, width)."""
        return np.frombuffer(self.features, np.float64).reshape(len(self.payments), width)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StageMessage)


def encode_message(message: StageMessage) -> bytes:
    """Encode a message."""
    return _encoder.encode(message)


def decode_message(data: bytes) -> StageMessage:
    """Decode what ``encode_message`` encoded."""
    return _decoder.decode(data)


def shard_of(entity_id: str, shards: int) -> int:
    """Number of the shard of a merchant or device; unlike ``hash``, the same in every process."""
    return zlib.crc32(entity_id.encode()) % shards


def in_event_time(messages: Sequence[StageMessage], width: int) -> tuple[list[Payment], NDArray[np.float64]]:
    """Merge the payments of several messages in order of event time, with their features, (n, width).

    A payment processed after a newer one would be missing from the features of the newer one.
    """
    payments = [payment for message in messages for payment in message.payments]
    if not payments:
        return payments, np.empty((0, width))
    features = np.concatenate([message.matrix(width) for message in messages])
    order = np.argsort([payment.event_time for payment in payments], kind="stable")
    return [payments[row] for row in order.tolist()], features[order]


def with_matches(payments: Sequence[Payment], matches: Sequence[tuple[Match, ...]]) -> list[Payment]:
    """Append the matches that a stage found to those of its payments."""
    return [
        msgspec.structs.replace(payment, matches=payment.matches + found) if found else payment
        for payment, found in zip(payments, matches, strict=True)
    ]


def partition_by_shard(
    payments: Sequence[Payment],
    features: NDArray[np.float64],
    labels: Sequence[Label],
    targets: tuple[Sequence[int], Sequence[int]],
    source: int,
    watermark: int,
) -> list[tuple[int, bytes]]:
    """Partition a batch by the shards of the next stage.

    Args:
        payments: n of them.
        features: (n, F).
        labels: m of them.
        targets: shard of each payment, (n,), and of each label, (m,).
        source: number of the sending shard.
        watermark: of the sending shard, epoch milliseconds.

    Returns:
        Number of a shard that gets something, and a sealed message for it; or several of at most ``LONGEST_HANDOFF``
        payments, of which the last one has the labels and tells how far event time is.
    """
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, target in enumerate(targets[0]):
        rows[target].append(row)
    labelled: defaultdict[int, list[Label]] = defaultdict(list)
    for label, target in zip(labels, targets[1], strict=True):
        labelled[target].append(label)

    def encoded(some: list[int], watermark: int, labels: list[Label]) -> bytes:
        return encode_message(
            StageMessage(
                source=source,
                watermark=watermark,
                payments=[payments[row] for row in some],
                features=features[some].tobytes(),
                labels=labels,
            )
        )

    messages: list[tuple[int, bytes]] = []
    for target in sorted(rows.keys() | labelled.keys()):
        left = rows[target]
        while len(left) > MAX_MESSAGE_PAYMENTS:
            messages.append((target, encoded(left[:MAX_MESSAGE_PAYMENTS], NO_WATERMARK, [])))
            left = left[MAX_MESSAGE_PAYMENTS:]
        messages.append((target, encoded(left, watermark, labelled[target])))
    return messages
