"""Signatures of control records: who proposed a change, and who else approved it.

Both sign the same statement in different roles, so that nobody can pass off an author's signature as an approval.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from udfs.control.record import ControlRecord, valid_from_ms

Role = Literal["propose", "approve"]
_PURPOSE = "stream-sentinel control 1"
KEY_BYTES = 32


class KeyInvalidError(ValueError):
    """A key is not 32 bytes in base64."""


def statement(record: ControlRecord, role: Role) -> bytes:
    """What a person signs: a canonical form of a control record.

    Args:
        record: to sign. Its body counts byte for byte; ``reason``, ``source`` and ``change`` are not signed.
        role: of the person.
    """
    body = hashlib.sha256(bytes(record.body)).hexdigest()
    parts = [_PURPOSE, role, record.kind, record.version, record.base, body, valid_from_ms(record), record.author]
    return msgspec.json.encode(parts)


def sign(record: ControlRecord, role: Role, private_key: str) -> str:
    """Sign a control record; returns the signature in base64.

    Args:
        record: to sign.
        role: of the person who signs.
        private_key: Ed25519, 32 bytes in base64.

    Raises:
        KeyInvalidError: it is no such key.
    """
    key = Ed25519PrivateKey.from_private_bytes(key_bytes(private_key))
    return b64encode(key.sign(statement(record, role))).decode()


def verify(record: ControlRecord, role: Role, public_key: str, signature: str) -> bool:
    """Whether a signature in base64 is that of the owner of a public key, in this role, of exactly this record."""
    try:
        raw = b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(key_bytes(public_key)).verify(raw, statement(record, role))
    except (InvalidSignature, ValueError):
        return False
    return True


def key_bytes(text: str) -> bytes:
    """Decode a public or private key.

    Raises:
        KeyInvalidError: it is not 32 bytes in base64.
    """
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise KeyInvalidError("an Ed25519 key is 32 bytes in base64")
    return raw


def why_not_approved(record: ControlRecord, keys: Mapping[str, str]) -> str | None:
    """Say why a record lacks the approval of a second person; None if it has it.

    Args:
        record: to look at.
        keys: public keys in base64, by person.
    """
    name = f"{record.kind} version {record.version}"
    author_key = keys.get(record.author)
    if author_key is None:
        return f"{name}: its author {record.author!r} has no public key in control.keys"
    if not verify(record, "propose", author_key, record.signature):
        return f"{name}: the signature of its author {record.author!r} is missing or does not fit the record"
    problems = [_why_not(record, approval.person, approval.signature, keys) for approval in record.approvals]
    if None in problems:
        return None
    said = "; ".join(problem for problem in problems if problem)
    return f"{name}: no approval by a second person{': ' + said if said else ''}"


def _why_not(record: ControlRecord, person: str, signature: str, keys: Mapping[str, str]) -> str | None:
    key = keys.get(person)
    if key is None:
        return f"{person!r} has no public key in control.keys"
    if person == record.author or key_bytes(key) == key_bytes(keys[record.author]):
        return f"{person!r} is its author"
    return None if verify(record, "approve", key, signature) else f"the signature of {person!r} does not fit the record"
