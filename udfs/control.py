"""Decode control records, which replace rules, patterns and thresholds while the job runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import msgspec

from udfs.decision import Thresholds
from udfs.names import Refused
from udfs.patterns import PatternError, PatternSet, load_patterns
from udfs.records.refusal import Refusal
from udfs.rule_documents import MAX_VERSION
from udfs.rules import RuleError, RuleSet, load_rules

ControlKind = Literal["rules", "patterns", "thresholds"]
_Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _ControlRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A record of the ``control`` topic."""

    kind: ControlKind
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
    body: Any


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
        value: the rules, patterns or thresholds to put in force.
    """

    kind: ControlKind
    version: int
    value: RuleSet | PatternSet | Thresholds


_decoder = msgspec.json.Decoder(_ControlRecord)
_CACHE_SIZE = 2 * len(get_args(ControlKind))
"""Records kept decoded: of each kind the one in force, which restarting shards read again, and the next one."""
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
        The control, or the refusal of an invalid record. Cached: every shard of a process decodes the same record, and
        5,000 rules take some tenths of a second.
    """
    with _decode_lock:
        return _decode(value, key, tuple(names))


@lru_cache(maxsize=_CACHE_SIZE)
def _decode(value: bytes | None, key: bytes | None, names: tuple[str, ...]) -> Control | Refusal:
    if not value:
        return Refusal(Refused.CONTROL_INVALID, "a control record cannot be empty: send a newer version instead")
    try:
        record = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal(Refused.CONTROL_INVALID, str(error))
    if key != record.kind.encode():
        return Refusal(Refused.CONTROL_INVALID, f"a control record of kind {record.kind!r} has that as its key")
    try:
        return Control(record.kind, record.version, _value(record, names))
    except (RuleError, PatternError, ValueError, RecursionError) as error:
        return Refusal(Refused.CONTROL_INVALID, str(error))


def _value(record: _ControlRecord, names: Sequence[str]) -> RuleSet | PatternSet | Thresholds:
    if record.kind == "rules":
        return load_rules(record.body, names)
    if record.kind == "patterns":
        return load_patterns(record.body)
    body = msgspec.convert(record.body, ThresholdsBody)
    if not body.monitor <= body.challenge <= body.block:
        raise ValueError("thresholds must rise: monitor <= challenge <= block")
    return Thresholds(block=body.block, challenge=body.challenge, monitor=body.monitor, alert=body.alert)
