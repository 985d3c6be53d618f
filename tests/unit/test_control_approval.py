"""A second person signs what the first one proposed; anything else is no approval."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from udfs.control.approval import KeyInvalidError, Role, sign, verify, why_not_approved
from udfs.control.record import Approval, ControlRecord


def key_pair() -> tuple[str, str]:
    """A private and a public key, base64."""
    key = Ed25519PrivateKey.generate()
    return b64encode(key.private_bytes_raw()).decode(), b64encode(key.public_key().public_bytes_raw()).decode()


SECRETS, KEYS = {}, {}
for name in ("ann", "bob", "eve"):
    SECRETS[name], KEYS[name] = key_pair()
KNOWN = {name: KEYS[name] for name in ("ann", "bob")}


def proposed(**fields: Any) -> ControlRecord:
    """A record of ann's, not signed."""
    body = msgspec.Raw(b'{"version": 2, "rules": []}')
    attributes: dict[str, Any] = {
        "kind": "rules",
        "version": 2,
        "base": 1,
        "author": "ann",
        "body": body,
        "valid_from": 1_000,
    } | fields
    return ControlRecord(**attributes)


def signed(record: ControlRecord, *approvers: str, role: Role = "approve", author: str = "ann") -> ControlRecord:
    """The record with the signatures of its author and of approvers."""
    approvals = [Approval(name, sign(record, role, SECRETS[name])) for name in approvers]
    return msgspec.structs.replace(record, signature=sign(record, "propose", SECRETS[author]), approvals=approvals)


def test_what_a_second_person_signed_is_approved() -> None:
    assert why_not_approved(signed(proposed(), "bob"), KNOWN) is None
    assert why_not_approved(signed(proposed(), "ann", "eve", "bob"), KNOWN) is None, "one is enough"


def test_the_approval_survives_the_way_through_kafka() -> None:
    sent = msgspec.json.encode(signed(proposed(), "bob"))
    assert why_not_approved(msgspec.json.decode(sent, type=ControlRecord), KNOWN) is None


def test_a_time_is_the_same_in_either_form() -> None:
    record = signed(proposed(valid_from="1970-01-01T00:00:01Z"), "bob")
    assert why_not_approved(msgspec.structs.replace(record, valid_from=1_000), KNOWN) is None


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (proposed(), "the signature of its author 'ann' is missing"),
        (signed(proposed()), "no approval by a second person"),
        (signed(proposed(), "ann"), "'ann' is its author"),
        (signed(proposed(), "eve"), "'eve' has no public key"),
        (signed(proposed(), "bob", role="propose"), "the signature of 'bob' does not fit"),
        (signed(proposed(), "bob", author="bob"), "the signature of its author 'ann'"),
        (signed(proposed(author="eve"), "bob", author="eve"), "its author 'eve' has no public key"),
    ],
)
def test_what_is_missing_is_said(record: ControlRecord, said: str) -> None:
    assert said in (why_not_approved(record, KNOWN) or "approved")


def test_one_key_under_two_names_is_one_person() -> None:
    record = signed(proposed())
    twice = msgspec.structs.replace(record, approvals=[Approval("ann2", sign(record, "approve", SECRETS["ann"]))])
    assert "'ann2' is its author" in (why_not_approved(twice, KNOWN | {"ann2": KEYS["ann"]}) or "approved")


@pytest.mark.parametrize(
    "other",
    [
        {"version": 3},
        {"base": None},
        {"kind": "patterns"},
        {"author": "bob"},
        {"valid_from": 1_001},
        {"valid_from": None},
        {"body": msgspec.Raw(b'{"version": 2, "rules": [] }')},
    ],
)
def test_a_record_that_was_changed_after_it_was_signed_is_not_approved(other: dict[str, Any]) -> None:
    record = msgspec.structs.replace(signed(proposed(), "bob"), **other)
    assert why_not_approved(record, KNOWN) is not None
    signature = sign(proposed(), "approve", SECRETS["bob"])
    assert not verify(msgspec.structs.replace(proposed(), **other), "approve", KEYS["bob"], signature)


@pytest.mark.parametrize("signature", ["", "x", "\u00e9", "AAAA", b64encode(bytes(64)).decode()])
def test_what_is_no_signature_verifies_nothing(signature: str) -> None:
    assert not verify(proposed(), "approve", KEYS["bob"], signature)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64", "\u00e9"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(KeyInvalidError, match="32 bytes in base64"):
        sign(proposed(), "approve", key)
