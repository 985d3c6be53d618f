"""The job refuses what a second person has not approved, and goes on with what was in force."""

from __future__ import annotations

from base64 import b64encode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.pipeline.sent import NOW_MS, record
from tests.pipeline.stages import device_stage, merchant_stage, user_stage
from tests.pipeline.test_control import rules
from udfs.control.approval import sign
from udfs.control.record import Approval, ControlRecord
from udfs.names import Kind, Refused

_SECRETS = {person: Ed25519PrivateKey.generate() for person in ("ann", "bob")}
APPROVERS = {name: b64encode(key.public_key().public_bytes_raw()).decode() for name, key in _SECRETS.items()}


def by(person: str, change: ControlRecord, *approvers: str) -> bytes:
    """An encoded control record with signatures."""
    secrets = {name: b64encode(key.private_bytes_raw()).decode() for name, key in _SECRETS.items()}
    change = msgspec.structs.replace(change, author=person)
    approvals = [Approval(name, sign(change, "approve", secrets[name])) for name in approvers]
    change = msgspec.structs.replace(change, signature=sign(change, "propose", secrets[person]), approvals=approvals)
    return record(Kind.CONTROL, msgspec.json.encode(change), change.kind)


def change(version: int) -> ControlRecord:
    """New rules."""
    return ControlRecord(kind="rules", version=version, body=msgspec.Raw(msgspec.json.encode(rules(version))))


def test_only_what_a_second_person_approved_comes_into_force() -> None:
    stage = merchant_stage(approvers=APPROVERS)
    sent = [by("ann", change(2), "bob"), by("ann", change(3)), by("ann", change(4), "ann"), by("bob", change(5), "ann")]
    letters = stage.process(sent, NOW_MS).dead_letters
    assert [letter.refusal.reason for letter in letters] == [Refused.CONTROL_UNAPPROVED] * 2
    assert stage.control.rules.version == 5
    displaced = [msgspec.json.decode(value)["version"] for _, value in stage.drain_displaced()]
    assert displaced == [2, 2], "a refused record displaces nothing"


def test_every_stage_asks_for_approval() -> None:
    patterns = ControlRecord(kind="patterns", version=1, body=msgspec.Raw(b'{"version": 9, "patterns": []}'))
    for stage in (
        user_stage(approvers=APPROVERS),
        device_stage(approvers=APPROVERS),
        merchant_stage(approvers=APPROVERS),
    ):
        stage.process([by("ann", patterns)], NOW_MS)
        assert stage.control.version("patterns") == 0
        stage.process([by("ann", patterns, "bob")], NOW_MS)
        assert stage.control.version("patterns") == 1
