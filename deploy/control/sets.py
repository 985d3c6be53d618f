"""Sets of control: from files, from the defaults, and as the topic ``control`` puts them in force."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy.clients import kafka_clients
from deploy.errors import OperationError
from deploy.paths import ROOT
from flink_jobs.settings import Settings
from udfs.control.editing import Document
from udfs.control.in_force import ControlInForce
from udfs.control.record import ControlKind, ControlRecord, Source, decode_control
from udfs.decision import Thresholds
from udfs.features.catalogue import FEATURE_NAMES
from udfs.patterns import default_patterns
from udfs.records.refusal import Refusal
from udfs.rules import default_rules
from udfs.strict_yaml import MalformedYamlError, read_yaml

_ANY_VERSION = 1
_record_decoder = msgspec.json.Decoder(ControlRecord)


@dataclass(frozen=True)
class SetInForce:
    """The set of a kind that is in force.

    Attributes:
        kind: of control.
        version: of its control record; 0 for the defaults.
        document: the set.
        record: its control record; None for the defaults.
    """

    kind: ControlKind
    version: int
    document: Document
    record: ControlRecord | None


@dataclass(frozen=True)
class SetFile:
    """A set read from a file.

    Attributes:
        document: the set.
        source: name and digest of the file.
    """

    document: Document
    source: Source


def read_in_force(settings: Settings, kind: ControlKind) -> SetInForce:
    """Read the set of a kind that the topic ``control`` puts in force.

    Raises:
        OperationError: no Kafka answers, or there is no topic.
    """
    value = read_control(settings).record(kind)
    if value is None:
        return SetInForce(kind, 0, default_document(settings, kind), None)
    record = _record_decoder.decode(value)
    return SetInForce(kind, record.version, document_of(record.body), record)


def default_control(settings: Settings) -> ControlInForce:
    """What is in force without control records."""
    return ControlInForce(default_rules(FEATURE_NAMES), _thresholds(settings), default_patterns())


def read_control(settings: Settings) -> ControlInForce:
    """Read what the topic ``control`` puts in force, by the job's own rules of what is accepted.

    Raises:
        OperationError: no Kafka answers, or there is no topic.
    """
    control = default_control(settings)
    for message in kafka_clients.read_all(settings, settings.kafka.topics.control):
        change = decode_control(message.value(), message.key(), FEATURE_NAMES)
        if not isinstance(change, Refusal):
            control.apply(change, message.value() or b"")
    return control


def with_set(control: ControlInForce, kind: ControlKind, document: Document) -> ControlInForce:
    """What is in force, with another set of one kind; the argument is not changed.

    Raises:
        OperationError: the set is invalid.
    """
    value = msgspec.json.encode({"kind": kind, "version": _ANY_VERSION, "body": document})
    found = decode_control(value, kind.encode(), FEATURE_NAMES)
    if isinstance(found, Refusal):
        raise OperationError(f"the job would refuse these {kind}:\n{found.detail}")
    changed: dict[str, Any] = {"rules": control.rules, "patterns": control.patterns, "thresholds": control.thresholds}
    return ControlInForce(**changed | {kind: found.value})


def default_document(settings: Settings, kind: ControlKind) -> Document:
    """The set that is in force without a control record."""
    if kind == "thresholds":
        return {name: getattr(settings.decision, name) for name in ("block", "challenge", "monitor", "alert")}
    return _yaml((ROOT / "udfs" / kind / "defaults.yaml").read_text())


def document_of(body: msgspec.Raw) -> Document:
    """The set in the body of an accepted control record."""
    content = msgspec.json.decode(body)
    return _yaml(content) if isinstance(content, str) else content


def read_file(kind: ControlKind, file: Path) -> SetFile:
    """Read and check a file of YAML, with the job's own code.

    Raises:
        OperationError: it cannot be read, or is invalid; each problem with line and column.
    """
    try:
        content = file.read_bytes()
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(f"{file} cannot be read: {error}") from None
    source = Source(file.name, hashlib.sha256(content).hexdigest())
    if kind == "thresholds":
        document = _checked_yaml(file, text)
        check(kind, document, str(file))
    else:
        check(kind, text, str(file))
        document = _yaml(text)
    return SetFile(document, source)


def check(kind: ControlKind, body: Document | str, name: str) -> None:
    """Check a set as the job does.

    Raises:
        OperationError: it is invalid; each problem in a line, behind the name.
    """
    value = msgspec.json.encode({"kind": kind, "version": _ANY_VERSION, "body": body})
    found = decode_control(value, kind.encode(), FEATURE_NAMES)
    if isinstance(found, Refusal):
        raise OperationError("\n".join(f"{name}: {problem}" for problem in found.detail.splitlines()))


def _checked_yaml(file: Path, text: str) -> Document:
    try:
        return _yaml(text)
    except MalformedYamlError as error:
        raise OperationError(f"{file}: {error}") from None


def _yaml(text: str) -> Document:
    _, content = read_yaml(text)
    document: Any = content
    return dict(document)


def _thresholds(settings: Settings) -> Thresholds:
    decision = settings.decision
    return Thresholds(
        block=decision.block, challenge=decision.challenge, monitor=decision.monitor, alert=decision.alert
    )
