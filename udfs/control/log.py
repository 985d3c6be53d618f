"""The control log: who sent which control record, and which shards of which stage took or refused it.

Commands write what they send, with the set itself, and stages acknowledge it. The topic is kept for ever, so it is the
history of all sets, and what a roll-back takes them from.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from udfs.control.record import Source


class LogEvent(StrEnum):
    """What happened to a control record. Persisted."""

    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of the topic ``control-log``, keyed by the kind of control.

    Attributes:
        at: wall clock, epoch milliseconds.
        event: what happened.
        kind: of control; empty if a refused record has no known one.
        version: of the control record; 0 if a refused record has no readable one.
        offset: of the control record in its topic.
        base: version that it was made against; None for any.
        author: who sent it.
        reason: why.
        source: the file that it was made from.
        change: what it changes, one phrase each.
        body: the set, YAML text or an object; only in ``sent``.
        stage: that acknowledges: ``user``, ``device`` or ``merchant``.
        shards: numbers of the shards that the acknowledging instance serves.
        shards_of_stage: number of shards of the stage.
        detail: why it was refused.
    """

    at: int
    event: LogEvent
    kind: str
    version: int
    offset: int
    base: int | None = None
    author: str = ""
    reason: str = ""
    source: Source | None = None
    change: list[str] = []
    body: msgspec.Raw = msgspec.Raw(b"null")
    stage: str = ""
    shards: list[int] = []
    shards_of_stage: int = 0
    detail: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LogRecord)


def encode_log_record(record: LogRecord) -> bytes:
    """Encode a record."""
    return _encoder.encode(record)


def decode_log_record(value: bytes | None) -> LogRecord | None:
    """Decode a record; None for what is none."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
