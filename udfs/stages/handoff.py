"""What the user stage hands to the merchant stage: one block of bytes for each merchant shard and batch.

Features travel as one run of float64 and not as numbers one by one, which would cost more than computing them.
"""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.patterns import Match
from udfs.records.label import Label


class Payment(msgspec.Struct, array_like=True, frozen=True):
    """A transaction, as far as the merchant stage needs it.

    ``event_time`` is in epoch milliseconds, ``value`` the record as it came: an alert carries it along.
    """

    transaction_id: str
    user_id: str
    merchant_id: str
    amount: float
    event_time: int
    declined: bool
    late: bool
    matches: tuple[Match, ...]
    value: bytes


class Handoff(msgspec.Struct, array_like=True, frozen=True):
    """What one batch of a user shard holds for one merchant shard.

    Attributes:
        source: number of the user shard.
        watermark: event time up to which the user shard is complete, epoch milliseconds.
        payments: in the order in which they were taken in.
        features: the user block of their features, float64, row after row.
        labels: of transactions with merchants of the shard.
    """

    source: int
    watermark: int
    payments: list[Payment]
    features: bytes
    labels: list[Label]

    def user_features(self, width: int) -> NDArray[np.float64]:
        """The features as (n, width)."""
        return np.frombuffer(self.features, np.float64).reshape(len(self.payments), width)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Handoff)


def seal_handoff(handoff: Handoff) -> bytes:
    """As bytes."""
    return _encoder.encode(handoff)


def open_handoff(data: bytes) -> Handoff:
    """What ``seal_handoff`` sealed."""
    return _decoder.decode(data)


def merchant_shard(merchant_id: str, shards: int) -> int:
    """Number of the shard that keeps a merchant; the same in every process, which ``hash`` is not."""
    return zlib.crc32(merchant_id.encode()) % shards
