"""What a stage hands to the next: one block of bytes for each shard there and batch.

Features travel as one run of float64 and not as numbers one by one, which would cost more than computing them.
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
"""Payments in a handoff: some 500 KB. After a stand-still a batch has thousands, and as one block of tens of megabytes,
which Java copies many times over, they let a TaskManager run out of memory."""


class Payment(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction, as far as the stages after the user's need it.

    ``event_time`` is in epoch milliseconds, ``value`` the record as it came: an alert carries it along. What is
    ``too_late`` came later than features are exact for.
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
    too_late: bool = False  # last: what is in flight in a savepoint of before it lacks it


class StageMessage(msgspec.Struct, array_like=True, frozen=True):
    """What one batch of a shard holds for one shard of the next stage.

    Attributes:
        source: tells the shard it comes from among all that hand over to the same stage.
        watermark: event time up to which that shard is complete, epoch milliseconds.
        payments: in the order in which they were taken in.
        features: the blocks of their features so far, float64, row after row.
        labels: of transactions with merchants, or devices, of the shard.
    """

    source: int
    watermark: int
    payments: list[Payment]
    features: bytes
    labels: list[Label]

    def matrix(self, width: int) -> NDArray[np.float64]:
        """The features as (n, width)."""
        return np.frombuffer(self.features, np.float64).reshape(len(self.payments), width)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StageMessage)


def encode_message(handoff: StageMessage) -> bytes:
    """As bytes."""
    return _encoder.encode(handoff)


def decode_message(data: bytes) -> StageMessage:
    """What ``seal_handoff`` sealed."""
    return _decoder.decode(data)


def shard_of(entity_id: str, shards: int) -> int:
    """Number of the shard that keeps a merchant or a device; the same in every process, which ``hash`` is not."""
    return zlib.crc32(entity_id.encode()) % shards


def in_event_time(handoffs: Sequence[StageMessage], width: int) -> tuple[list[Payment], NDArray[np.float64]]:
    """The payments of several handoffs in order of event time, and their features, (n, width).

    Each handoff is in order by itself, or nearly; together they are not, and a payment that comes after a newer one is
    not seen by that one.
    """
    payments = [payment for handoff in handoffs for payment in handoff.payments]
    if not payments:
        return payments, np.empty((0, width))
    features = np.concatenate([handoff.matrix(width) for handoff in handoffs])
    order = np.argsort([payment.event_time for payment in payments], kind="stable")
    return [payments[row] for row in order.tolist()], features[order]


def with_matches(payments: Sequence[Payment], matches: Sequence[tuple[Match, ...]]) -> list[Payment]:
    """The payments, with what a stage has found beside what those before it found."""
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
    """Regroup a batch by the shards of the next stage.

    Args:
        payments: n of them.
        features: (n, F).
        labels: m of them.
        targets: shard of each payment, (n,), and of each label, (m,).
        source: of the handoffs.
        watermark: of the handoffs, epoch milliseconds.

    Returns:
        Number of a shard that gets something, and a sealed handoff for it; or several of at most ``LONGEST_HANDOFF``
        payments, of which the last one has the labels and tells how far event time is.
    """
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, target in enumerate(targets[0]):
        rows[target].append(row)
    labelled: defaultdict[int, list[Label]] = defaultdict(list)
    for label, target in zip(labels, targets[1], strict=True):
        labelled[target].append(label)

    def sealed(some: list[int], watermark: int, labels: list[Label]) -> bytes:
        return encode_message(
            StageMessage(
                source=source,
                watermark=watermark,
                payments=[payments[row] for row in some],
                features=features[some].tobytes(),
                labels=labels,
            )
        )

    handoffs: list[tuple[int, bytes]] = []
    for target in sorted(rows.keys() | labelled.keys()):
        left = rows[target]
        while len(left) > MAX_MESSAGE_PAYMENTS:
            handoffs.append((target, sealed(left[:MAX_MESSAGE_PAYMENTS], NO_WATERMARK, [])))
            left = left[MAX_MESSAGE_PAYMENTS:]
        handoffs.append((target, sealed(left, watermark, labelled[target])))
    return handoffs
