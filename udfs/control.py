"""Control records: what changes while the job runs."""

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
from udfs.rule_documents import LAST_VERSION
from udfs.rules import RuleError, RuleSet, load_rules

Kind = Literal["rules", "patterns", "thresholds"]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    kind: Kind
    version: Annotated[int, msgspec.Meta(ge=1, le=LAST_VERSION)]
    body: Any


class ThresholdsRecord(msgspec.Struct, forbid_unknown_fields=True):
    block: _Share
    challenge: _Share
    monitor: _Share
    alert: _Share


@dataclass(frozen=True)
class Control:
    """A change that has been checked.

    Attributes:
        kind: what changes.
        version: of the change; a later one is higher.
        value: what is in force from now on.
    """

    kind: Kind
    version: int
    value: RuleSet | PatternSet | Thresholds


_decoder = msgspec.json.Decoder(_Record)
_KEPT = 2 * len(get_args(Kind))
"""Of each kind the change in force, which shards that restart read again, and the next."""
_one_reads = threading.Lock()  # the others then find it read


def decode_control(value: bytes | None, key: bytes | None, names: Sequence[str]) -> Control | Refusal:
    """Read a record of the ``control`` topic: ``{"kind": ..., "version": ..., "body": ...}``, keyed by its kind.

    Args:
        value: JSON; the body of rules and of patterns is an object or the text of a YAML file, that of thresholds
            an object.
        key: of the record. The topic is compacted, so a record under another's key would take its place.
        names: of the features that rules may use.

    Returns:
        The same object for the same arguments: every shard of a process asks, and to read 5,000 rules takes some tenths
        of a second.
    """
    with _one_reads:
        return _decode(value, key, tuple(names))


@lru_cache(maxsize=_KEPT)
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


def _value(record: _Record, names: Sequence[str]) -> RuleSet | PatternSet | Thresholds:
    if record.kind == "rules":
        return load_rules(record.body, names)
    if record.kind == "patterns":
        return load_patterns(record.body)
    given = msgspec.convert(record.body, ThresholdsRecord)
    if not given.monitor <= given.challenge <= given.block:
        raise ValueError("thresholds must rise: monitor <= challenge <= block")
    return Thresholds(block=given.block, challenge=given.challenge, monitor=given.monitor, alert=given.alert)
