"""What decides when a job starts: its model, thresholds, rules and patterns; compared with those of a savepoint."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import msgspec

from deploy.clients import kafka_clients
from deploy.errors import OperationError
from deploy.paths import ROOT, under_root
from flink_jobs.settings import Settings

SHIPPED_MODEL = ROOT / "models" / "shipped"
CONTROL_KINDS = ("rules", "patterns", "thresholds")


class InForce(msgspec.Struct, frozen=True):
    """What settings and code put in force; control records replace all but the model.

    Attributes:
        model: version of the model.
        thresholds: scores of the actions and of alerts, as text.
        rules: version and digest of the shipped rules.
        patterns: version and digest of the shipped patterns.
    """

    model: str
    thresholds: str
    rules: str
    patterns: str


def read(settings: Settings) -> InForce:
    """Read what these settings and this code put in force.

    Raises:
        OperationError: there is no model in the folder of the settings.
    """
    decision = settings.decision
    return InForce(
        model=_model(settings.model.folder or SHIPPED_MODEL),
        thresholds=f"block {decision.block:g}, challenge {decision.challenge:g}, monitor {decision.monitor:g}, "
        f"alert {decision.alert:g}",
        rules=_document(ROOT / "udfs" / "rules" / "defaults.yaml"),
        patterns=_document(ROOT / "udfs" / "patterns" / "defaults.yaml"),
    )


def describe(found: InForce, control: dict[str, str]) -> str:
    """Say in one sentence what decides.

    Args:
        found: by settings and code.
        control: what the control topic puts in their place, by kind.
    """
    return (
        f"in force: model {found.model}; thresholds {control.get('thresholds') or found.thresholds}; "
        f"rules {control.get('rules') or f'shipped, {found.rules}'}; "
        f"patterns {control.get('patterns') or f'shipped, {found.patterns}'}"
    )


def differences(now: InForce, then: InForce) -> list[str]:
    """List what differs from a savepoint, a phrase each."""
    fields = InForce.__struct_fields__
    return [
        f"{name}: {getattr(now, name)} instead of {getattr(then, name)}"
        for name in fields
        if getattr(now, name) != getattr(then, name)
    ]


def require_same(now: InForce, then: InForce | None, path: str, *, accepted: bool) -> list[str]:
    """Refuse to restore under another model or other thresholds than those of a savepoint.

    Args:
        now: what the settings and the code put in force.
        then: what was in force when the savepoint was taken; None when that is not on record.
        path: of the savepoint.
        accepted: whether the operator wants the change.

    Returns:
        Warnings: what is not known, and what differs.

    Raises:
        OperationError: model or thresholds differ, and that was not accepted.
    """
    if then is None:
        return [f"model, thresholds, rules and patterns of {path} are not on record, so they are not compared"]
    found = differences(now, then)
    if not accepted and (now.model, now.thresholds) != (then.model, then.thresholds):
        raise OperationError(
            f"{path} was taken under other settings ({'; '.join(found)}): set them as they were, "
            "or accept the change with --accept-changes"
        )
    return [f"this differs from {path}: {each}" for each in found]


def control_records(settings: Settings) -> dict[str, str]:
    """Read what the control topic puts in force, by kind; a record that the job will refuse is said to be one.

    Raises:
        OperationError: the topic does not exist, or cannot be read.
    """
    latest: dict[str, tuple[bytes | None, bytes | None]] = {}
    for message in kafka_clients.read_all(settings, settings.kafka.topics.control):
        key = message.key()
        name = (key or b"").decode(errors="replace")
        if name in CONTROL_KINDS:
            latest[name] = key, message.value()
    return {kind: _control(key, value) for kind, (key, value) in latest.items()}


def _control(key: bytes | None, value: bytes | None) -> str:
    # These import numba, which takes a second, and most topics of control are empty.
    from udfs.control.record import decode_control  # noqa: PLC0415
    from udfs.features.catalogue import FEATURE_NAMES  # noqa: PLC0415
    from udfs.records.refusal import Refusal  # noqa: PLC0415

    decoded = decode_control(value, key, FEATURE_NAMES)
    if isinstance(decoded, Refusal):
        return f"as before, since the last control record is refused ({decoded.detail})"
    return f"of control record {decoded.version}"


def _model(folder: Path) -> str:
    from models.metadata import Metadata  # noqa: PLC0415 - imports numba and scipy, a second

    folder = under_root(folder)
    file = folder / "metadata.json"
    try:
        metadata = msgspec.json.decode(file.read_bytes(), type=Metadata)
    except OSError as error:
        raise OperationError(f"there is no model in {folder} ({error.strerror}): correct model.folder") from None
    except msgspec.DecodeError as error:
        raise OperationError(f"{file} is no metadata of a model ({error}): train the model again") from None
    origin = "shipped" if folder == SHIPPED_MODEL else str(folder)
    return f"{metadata.version} ({origin}, {metadata.model_sha256[:8]})"


def _document(file: Path) -> str:
    text = file.read_text()
    version = re.search(r"^version: (\d+)$", text, re.MULTILINE)
    digest = hashlib.sha256(json.dumps(text).encode()).hexdigest()[:8]
    return f"version {version.group(1) if version else '?'} ({digest})"
