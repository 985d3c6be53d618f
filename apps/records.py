"""Kafka records as programs outside the job read and write them: by transaction id, and as the stages receive them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from udfs.names import Kind, Topic
from udfs.stages.envelope import Envelope, encode_envelope

KIND_OF_TOPIC: Mapping[Topic, Kind] = {
    Topic.TRANSACTIONS: Kind.TRANSACTION,
    Topic.ACCOUNT_EVENTS: Kind.ACCOUNT_EVENT,
    Topic.LABELS: Kind.LABEL,
    Topic.LISTS: Kind.LIST_ENTRY,
}
"""Kind of the records of each input topic."""


class _Identified(msgspec.Struct):
    transaction_id: str


_decoder = msgspec.json.Decoder(_Identified)


def transaction_id(value: bytes) -> str:
    """Read the ``transaction_id`` of a transaction, decision or alert, without decoding the rest of the JSON."""
    return _decoder.decode(value).transaction_id


def encode_source_record(topic: Topic, key: bytes | None, value: bytes) -> bytes:
    """Encode a record of an input topic as the job's source emits it, from partition 0 and offset 0."""
    return encode_envelope(Envelope(KIND_OF_TOPIC[topic], 0, 0, key, value))
