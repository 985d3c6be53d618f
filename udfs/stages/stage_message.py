"""Messages between stages: one block of bytes for each target subtask and batch.

Features travel as one run of float64: encoding them one by one would cost more than computing them.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.lists.membership import Membership
from udfs.lists.record import ListEntry
from udfs.patterns import Match
from udfs.records.label import Label
from udfs.records.normal_form import normal_key
from udfs.records.rates import Conversion

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
        ahead: whether its event time is ahead of the wall clock by more than is tolerated.
        ignored: names of optional fields that could not be read, and were left out.
        conversion: how the amount was converted to the reference currency; None if it was not.
        lists: that the entities of the payment are on, ``name:entity``, found so far.
        silenced: by suppressions, found so far (``udfs.lists.membership.Membership``).
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
    ahead: bool = False
    ignored: tuple[str, ...] = ()
    conversion: Conversion | None = None
    lists: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()


class StageMessage(msgspec.Struct, array_like=True, frozen=True):
    """The part of a batch that concerns one subtask of the next stage.

    Attributes:
        watermarks: event time (epoch ms) up to which sources are complete, by number of the source among all that send
            to the same stage.
        payments: n, in order of processing.
        features: of the payments so far, (n, width) float64, row after row.
        labels: that concern an entity of the target subtask.
        entries: of lists, that name an entity of the target subtask, in order.
    """

    watermarks: dict[int, int]
    payments: list[Payment]
    features: bytes
    labels: list[Label]
    entries: list[ListEntry] = []

    def matrix(self, width: int) -> NDArray[np.float64]:
        """The features as an array (n, width)."""
        return np.frombuffer(self.features, np.float64).reshape(len(self.payments), width)


class SubtaskMessage(NamedTuple):
    """An encoded message and where it goes.

    Attributes:
        subtask: number of the target subtask.
        message: encoded ``StageMessage``.
        payments: number of payments in it.
    """

    subtask: int
    message: bytes
    payments: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StageMessage)


def encode_message(message: StageMessage) -> bytes:
    """Encode a message."""
    return _encoder.encode(message)


def decode_message(data: bytes) -> StageMessage:
    """Decode what ``encode_message`` encoded."""
    return _decoder.decode(data)


def shard_of(entity_id: str, shards: int) -> int:
    """Number of the shard of an entity by its id in the normal form; unlike ``hash``, the same in every process."""
    return zlib.crc32(entity_id.encode()) % shards


def shard_of_key(key: bytes, shards: int) -> int:
    """Number of the shard of a record key, as ``sentinel.edge.EnvelopeDeserializer`` computes it."""
    return zlib.crc32(normal_key(key)) % shards


class Routes:
    """Routes from entities of the next stage to its subtasks.

    Args:
        subtasks: number of the subtask that owns each shard of the next stage.
    """

    def __init__(self, subtasks: Sequence[int]) -> None:
        self._subtasks = subtasks

    def of(self, entity_ids: Iterable[str]) -> list[int]:
        """Number of the subtask of each entity."""
        subtasks, shards = self._subtasks, len(self._subtasks)
        return [subtasks[zlib.crc32(entity_id.encode()) % shards] for entity_id in entity_ids]


def in_event_time(messages: Sequence[StageMessage], width: int) -> tuple[list[Payment], NDArray[np.float64]]:
    """Merge the payments of several messages in order of event time, with their features, (n, width).

    A payment processed after a newer one would be missing from the features of the newer one. Payments of the same time
    are in order of their ids.
    """
    payments = [payment for message in messages for payment in message.payments]
    if not payments:
        return payments, np.empty((0, width))
    features = np.concatenate([message.matrix(width) for message in messages])
    times = np.array([payment.event_time for payment in payments])
    order = np.argsort(times, kind="stable")
    if not np.diff(times[order]).all():
        # Ties by id: which message arrived first depends on the number of subtasks.
        ids = [payment.transaction_id for payment in payments]
        order = np.array(sorted(range(len(ids)), key=lambda row: (times[row], ids[row])))
    return [payments[row] for row in order.tolist()], features[order]


def with_matches(payments: Sequence[Payment], matches: Sequence[tuple[Match, ...]]) -> list[Payment]:
    """Append the matches that a stage found to those of its payments."""
    return [
        msgspec.structs.replace(payment, matches=payment.matches + found) if found else payment
        for payment, found in zip(payments, matches, strict=True)
    ]


def with_lists(payments: Sequence[Payment], found: Sequence[Membership]) -> list[Payment]:
    """Add the lists that a stage found to those of its payments."""
    return [
        _on_lists(payment, Membership(payment.lists, payment.silenced).joined(lists)) if lists.lists else payment
        for payment, lists in zip(payments, found, strict=True)
    ]


def _on_lists(payment: Payment, found: Membership) -> Payment:
    return msgspec.structs.replace(payment, lists=found.lists, silenced=found.silenced)


def partition_by_subtask(
    payments: Sequence[Payment],
    features: NDArray[np.float64],
    labels: Sequence[Label],
    targets: tuple[Sequence[int], Sequence[int]],
    watermarks: dict[int, int],
    entries: Sequence[tuple[int, ListEntry]] = (),
) -> list[SubtaskMessage]:
    """Partition a batch by the subtasks of the next stage.

    Args:
        payments: n of them.
        features: (n, F).
        labels: m of them.
        targets: subtask of each payment, (n,), and of each label, (m,).
        watermarks: of the sending sources, epoch milliseconds.
        entries: of lists, each with its subtask.

    Returns:
        Messages by target subtask; several of at most ``MAX_MESSAGE_PAYMENTS`` payments where there are more, of which
        the first one carries the entries, and the last one the labels and the watermarks.
    """
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, target in enumerate(targets[0]):
        rows[target].append(row)
    labelled: defaultdict[int, list[Label]] = defaultdict(list)
    for label, target in zip(labels, targets[1], strict=True):
        labelled[target].append(label)
    listed: defaultdict[int, list[ListEntry]] = defaultdict(list)
    for target, entry in entries:
        listed[target].append(entry)

    def message_to(target: int, some: list[int], watermarks: dict[int, int], labels: list[Label]) -> SubtaskMessage:
        chosen, entries_to = [payments[row] for row in some], listed.pop(target, [])
        message = StageMessage(watermarks, chosen, features[some].tobytes(), labels, entries_to)
        return SubtaskMessage(target, encode_message(message), len(some))

    messages: list[SubtaskMessage] = []
    for target in sorted(rows.keys() | labelled.keys() | listed.keys()):
        left = rows[target]
        while len(left) > MAX_MESSAGE_PAYMENTS:
            messages.append(message_to(target, left[:MAX_MESSAGE_PAYMENTS], {}, []))
            left = left[MAX_MESSAGE_PAYMENTS:]
        messages.append(message_to(target, left, watermarks, labelled[target]))
    return messages
