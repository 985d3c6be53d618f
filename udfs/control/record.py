"""Control records, which replace rules, patterns and thresholds while the job runs."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import msgspec

from udfs.control.timeline import ALWAYS
from udfs.decision import Thresholds
from udfs.gc_paused import gc_paused
from udfs.names import Refused
from udfs.patterns import PatternError, PatternSet, load_patterns
from udfs.records.refusal import Refusal
from udfs.records.times import epoch_ms
from udfs.rule_documents import MAX_VERSION
from udfs.rules import RuleError, RuleSet, load_rules
from udfs.strict_yaml import MAX_CHARACTERS

ControlKind = Literal["rules", "patterns", "thresholds"]
_Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


_Version = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_EpochMs = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
_Signature = Annotated[str, msgspec.Meta(max_length=100)]
_TimeText = Annotated[str, msgspec.Meta(max_length=100)]

STAGES: Mapping[ControlKind, tuple[str, ...]] = {
    "rules": ("merchant",),
    "patterns": ("user", "device", "merchant"),
    "thresholds": ("merchant",),
}
"""The stages that use a kind of control, and acknowledge its records."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that a set was made from.

    Attributes:
        file: its name.
        sha256: of its content, hexadecimal.
    """

    file: Annotated[str, msgspec.Meta(max_length=1_000)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The approval of a person (``udfs.control.approval``).

    Attributes:
        person: a name in ``control.keys``.
        signature: Ed25519, base64.
    """

    person: _Text
    signature: _Signature


class ControlRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A record of the ``control`` topic: one whole set.

    Attributes:
        kind: of the set, and key of the record.
        version: of the record; it rises with every record of the kind.
        body: the set: YAML text or an object.
        base: version that the record was made against, 0 for the defaults; if given, it must be in force.
        author: who sent it.
        reason: why.
        source: the file that it was made from.
        change: what it changes, one phrase each, for people.
        valid_from: event time from which it holds: epoch milliseconds, or RFC 3339. Without it, it holds for every
            payment that is decided after its arrival.
        proposal: id of the proposal that it came from.
        signature: of the author, Ed25519 in base64.
        approvals: of other persons.
    """

    kind: ControlKind
    version: _Version
    body: msgspec.Raw
    base: Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION)] | None = None
    author: _Text = ""
    reason: _Text = ""
    source: Source | None = None
    change: Annotated[list[_Text], msgspec.Meta(max_length=100)] = []
    valid_from: _EpochMs | _TimeText | None = None
    proposal: _Text = ""
    signature: _Signature = ""
    approvals: Annotated[list[Approval], msgspec.Meta(max_length=16)] = []


class ThresholdsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a control record of kind ``thresholds``; decoded to ``Thresholds``."""

    block: _Score
    challenge: _Score
    monitor: _Score
    alert: _Score


@dataclass(frozen=True)
class Control:
    """A valid control record.

    Attributes:
        kind: kind of the record.
        version: version of the record; a later one is higher.
        base: version that must be in force before; None for any.
        value: the rules, patterns or thresholds to put in force.
        valid_from: event time from which it holds, epoch milliseconds.
    """

    kind: ControlKind
    version: int
    base: int | None
    value: RuleSet | PatternSet | Thresholds
    valid_from: int = ALWAYS


MAX_RECORD_BYTES = 4 * MAX_CHARACTERS
"""Maximum size of a control record: a body of the maximum length in any script."""
_MAX_DETAIL_CHARACTERS = 1_000
_decoder = msgspec.json.Decoder(ControlRecord)
_CACHE_SIZE = 4 * len(get_args(ControlKind))
"""Records kept decoded: of each kind those kept by event time, which restarting shards read again, and the next."""
_decode_lock = threading.Lock()  # shards that wait for it find the record in the cache


def decode_control(value: bytes | None, key: bytes | None, names: Sequence[str]) -> Control | Refusal:
    """Decode a record of the ``control`` topic: ``{"kind": ..., "version": ..., "body": ...}``, keyed by its kind.

    Args:
        value: value of the record, JSON. The body of rules and patterns is an object or YAML text, that of thresholds
            an object.
        key: key of the record. It must be the kind: the topic is compacted, so a record with the key of another kind
            would replace that kind's record.
        names: names of the features that rules may use.

    Returns:
        The control, or the refusal of an invalid record. Cached: every shard of a process decodes the same record.

    Decisions of the stage wait meanwhile, since all shards must change at the same place of their input. The work is
    bounded by limits on the record (``MAX_RECORD_BYTES``), its document (``udfs.strict_yaml``), its conditions
    (``MAX_TOKENS``) and its problems, to about that of the largest valid set: some tenths of a second.
    """
    with _decode_lock:
        return _decode(value, key, tuple(names))


@lru_cache(maxsize=_CACHE_SIZE)
def _decode(value: bytes | None, key: bytes | None, names: tuple[str, ...]) -> Control | Refusal:
    if not value:
        return _invalid("a control record cannot be empty: send a newer version instead")
    if len(value) > MAX_RECORD_BYTES:
        return _invalid(f"a control record has at most {MAX_RECORD_BYTES} bytes, this one {len(value)}")
    try:
        record = _decoder.decode(value)
        with gc_paused():
            body = msgspec.json.decode(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _invalid(str(error)[:_MAX_DETAIL_CHARACTERS])
    if key != record.kind.encode():
        return _invalid(f"a control record of kind {record.kind!r} has that as its key")
    try:
        valid_from = valid_from_ms(record)
        control = Control(record.kind, record.version, record.base, _value(record.kind, body, names), valid_from)
        # Last, since it is slow for what the other checks refuse.
        duplicate = _duplicate_key(value)
    except (RuleError, PatternError) as error:
        return _invalid(str(error))
    except (ValueError, RecursionError) as error:
        return _invalid(str(error)[:_MAX_DETAIL_CHARACTERS])
    return control if duplicate is None else _invalid(f"duplicate key {duplicate[:64]!r}")


def valid_from_ms(record: ControlRecord) -> int:
    """The event time from which a record holds, epoch milliseconds.

    Raises:
        ValueError: it is no time, or one before 1970.
    """
    moment = record.valid_from
    if moment is None:
        return ALWAYS
    time = epoch_ms("valid_from", moment) if isinstance(moment, str) else moment
    if time < ALWAYS:
        raise ValueError("valid_from: a time before 1970")
    return time


def read_record(value: bytes) -> ControlRecord:
    """Decode the fields of a record that ``decode_control`` accepted; its body stays as it is."""
    return _decoder.decode(value)


class _Versioned(msgspec.Struct):
    version: int = 0


_versioned = msgspec.json.Decoder(_Versioned)


def read_version(value: bytes | None) -> int:
    """Read the version of a record that may be invalid; 0 if it has none."""
    try:
        version = _versioned.decode(value or b"").version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return version if 1 <= version <= MAX_VERSION else 0


def _invalid(detail: str) -> Refusal:
    return Refusal(Refused.CONTROL_INVALID, detail)


def _duplicate_key(value: bytes) -> str | None:
    """Find a key that a JSON object has twice; a decoder would take one of the two values silently."""
    duplicates: list[str] = []

    def note_duplicates(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            duplicates.extend(key for key, count in counts.items() if count > 1)

    json.loads(value, object_pairs_hook=note_duplicates)
    return duplicates[0] if duplicates else None


def _value(
    kind: ControlKind,
    content: Any,  # noqa: ANN401 - any JSON
    names: Sequence[str],
) -> RuleSet | PatternSet | Thresholds:
    if kind == "rules":
        return load_rules(content, names)
    if kind == "patterns":
        return load_patterns(content)
    body = msgspec.convert(content, ThresholdsBody)
    if not body.monitor <= body.challenge <= body.block:
        raise ValueError("thresholds must rise: monitor <= challenge <= block")
    return Thresholds(block=body.block, challenge=body.challenge, monitor=body.monitor, alert=body.alert)
