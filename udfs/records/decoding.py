"""Shared steps of all decoders: decode bytes into a typed struct, or find the exact reason why that fails.

A good record costs one typed decode and a few comparisons. The reason of a failure is found by parsing the record a
second time, slowly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from udfs.names import Refused
from udfs.records.duplicate_keys import DuplicateKeyError, check_keys
from udfs.records.limits import IDENTIFIER_CHARACTERS, Limits
from udfs.records.normal_form import is_legible, normal_device, normal_identifier, normal_key
from udfs.records.readable import Readers, make_readable
from udfs.records.refusal import Refusal
from udfs.records.times import TimeUnreadableError

Raw = TypeVar("Raw", bound=msgspec.Struct)
Record = TypeVar("Record", bound=msgspec.Struct)
_DETAIL_CHARACTERS = 500
# msgspec's messages for a number that no float holds.
_TOO_LARGE = ("Number out of range", "Integer value out of range")


def decode_record(
    decoder: msgspec.json.Decoder[Raw],
    readers: Readers,
    value: bytes | None,
    limits: Limits,
    parse_times: Callable[[Raw], Record],
) -> tuple[Record, list[str]] | Refusal:
    """Decode a value into the decoder's struct, with times in epoch milliseconds.

    Args:
        decoder: of the struct with times as they are written.
        readers: of the optional fields, which may be of another type.
        value: JSON in UTF-8.
        limits: limits of the value.
        parse_times: parses the times of the struct; may raise ``TimeUnreadableError``.

    Returns:
        The record, and the names of the optional fields that could not be read.
    """
    raw = _decode(decoder, readers, value, limits)
    if isinstance(raw, Refusal):
        return raw
    try:
        return parse_times(raw[0]), raw[1]
    except TimeUnreadableError as error:
        return Refusal(Refused.TIME_UNREADABLE, str(error))


def _decode(
    decoder: msgspec.json.Decoder[Raw], readers: Readers, value: bytes | None, limits: Limits
) -> tuple[Raw, list[str]] | Refusal:
    if not value:
        return Refusal(Refused.EMPTY, "the record has no value")
    if len(value) > limits.record_bytes:
        return Refusal(Refused.OVERSIZED, f"{len(value)} bytes, at most {limits.record_bytes} are read")
    try:
        if not value.isascii():
            # The decoder does not check fields that it skips, and the value is passed on unchanged.
            value.decode()
        raw, left_out = decode_fields(decoder, readers, value)
        check_keys(value)
    except DuplicateKeyError as error:
        return Refusal(Refused.DUPLICATE_FIELD, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        return _refusal_of(decoder, value, error)
    return raw, left_out


def decode_fields(decoder: msgspec.json.Decoder[Raw], readers: Readers, value: bytes) -> tuple[Raw, list[str]]:
    """Decode a value whose optional fields may be of any type; return it with the names of those left out.

    Raises:
        msgspec.DecodeError: the value is no JSON, or a required field is missing or of another type.
    """
    try:
        return decoder.decode(value), []
    except msgspec.ValidationError:
        pass  # an optional field of another type, or a required one
    document = msgspec.json.decode(value)
    left_out = make_readable(document, readers) if isinstance(document, dict) else []
    return msgspec.convert(document, decoder.type), left_out


def check_identifier(name: str, text: str) -> Refusal | None:
    """Refuse an id in its normal form that is empty, too long, or has characters that cannot be shown."""
    if text and len(text) <= IDENTIFIER_CHARACTERS and text.isprintable():
        return None
    if not text:
        return Refusal(Refused.IDENTIFIER_INVALID, f"{name} is empty")
    if len(text) > IDENTIFIER_CHARACTERS:
        return Refusal(
            Refused.IDENTIFIER_INVALID, f"{name} has {len(text)} characters, at most {IDENTIFIER_CHARACTERS}"
        )
    if is_legible(text):
        return None
    return Refusal(Refused.IDENTIFIER_INVALID, f"{name} has characters that cannot be printed")


def check_normal(name: str, text: str) -> Refusal | None:
    """Refuse the id of a user, in NFC, that is not in the normal form of ids.

    It is also the record's key, of which the source normalizes the Unicode form alone before it computes the shard.
    """
    normal = normal_identifier(text)
    if normal == text or not is_legible(normal):
        return None
    return Refusal(
        Refused.IDENTIFIER_INVALID,
        f"{name} {text[:64]!r} is not in its normal form: send it, and the record key, without surrounding "
        "spaces or invisible characters",
    )


def device_identifier(text: str) -> str | None:
    """Return the normal form of a device's id, None if it is none."""
    return normal_device(text, IDENTIFIER_CHARACTERS)


def check_key(key: bytes | None, user_id: str) -> Refusal | None:
    """Refuse a record whose key, in NFC, is not its user: it may lie in another user's partition."""
    name = user_id.encode()
    if key == name or (key is not None and normal_key(key) == name):
        return None
    shown = "absent" if key is None else repr(key[:64].decode(errors="replace"))
    return Refusal(Refused.KEY_MISMATCH, f"the record key is {shown}, user_id is {user_id!r}")


def _refusal_of(decoder: msgspec.json.Decoder[Raw], value: bytes, error: Exception) -> Refusal:
    """Find the reason why a value cannot be decoded; ``error`` is the decoder's."""
    try:
        text = value.decode()
    except UnicodeDecodeError as bad:
        return Refusal(Refused.NOT_UTF8, f"byte {bad.start} is not UTF-8")
    constants: list[str] = []
    try:
        # Only the types are looked at, and Python's int refuses more than 4,300 digits.
        document = json.loads(text, parse_constant=constants.append, parse_int=float)
    except (ValueError, RecursionError) as bad:
        return Refusal(Refused.NOT_JSON, str(bad) if isinstance(bad, ValueError) else "nested too deeply")
    if constants:
        return Refusal(Refused.NOT_FINITE, f"holds {constants[0]}, which is no number in JSON")
    if not isinstance(document, dict):
        return Refusal(Refused.WRONG_TYPE, f"the value is a JSON {_json_type(document)}, not an object")
    for field in msgspec.structs.fields(decoder.type):
        if field.required and document.get(field.encode_name) is None:
            return Refusal(Refused.MISSING_FIELD, f"{field.encode_name} is required")
    detail = str(error)[:_DETAIL_CHARACTERS]  # it may repeat the value, and the value may be a megabyte
    if not isinstance(error, msgspec.ValidationError):
        return Refusal(Refused.NOT_JSON, detail)
    too_large = detail.startswith(_TOO_LARGE)
    return Refusal(Refused.NOT_FINITE if too_large else Refused.WRONG_TYPE, detail)


def _json_type(document: Any) -> str:  # noqa: ANN401 - any JSON
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(document), "number")
