"""The envelope of a Kafka record inside the job: kind, partition, offset, key and value (``flink_jobs.sources``)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import NamedTuple

import msgspec

from udfs.names import Kind
from udfs.records.refusal import Refusal

_NO_KEY = b"-"


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A Kafka record, byte for byte. A struct: constructing a named tuple costs 0.2 us more."""

    kind: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class DeadLetter(NamedTuple):
    """A refused record and the reason."""

    envelope: Envelope
    refusal: Refusal


def decode_envelope(record: bytes) -> Envelope:
    """Decode an envelope."""
    header, newline, value = record.partition(b"\n")
    kind, partition, offset, key = header.split(b" ")
    return Envelope(
        kind.decode(),
        int(partition),
        int(offset),
        None if key == _NO_KEY else a2b_base64(key),
        value if newline else None,
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """Encode an envelope as the job's source does; for tests, backtests and training."""
    key = _NO_KEY if envelope.key is None else b2a_base64(envelope.key, newline=False)
    header = b"%b %d %d %b" % (envelope.kind.encode(), envelope.partition, envelope.offset, key)
    return header if envelope.value is None else header + b"\n" + envelope.value


def is_control(record: bytes) -> bool:
    """Whether a record is a control envelope; stage messages begin with another byte."""
    return record[:1] == Kind.CONTROL.encode()
