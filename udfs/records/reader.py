"""What all decoders share: bytes to a typed struct, and if that fails, the exact reason why.

The way of a good record is one typed decode and a few comparisons. The reason of a failure is worked out only after a
failure, by reading the record again, slowly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from udfs.names import Refused
from udfs.records.limits import IDENTIFIER_CHARACTERS, Limits
from udfs.records.refusal import Refusal
from udfs.records.times import TimeUnreadableError

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T", bound=msgspec.Struct)
_DETAIL_CHARACTERS = 500
_TOO_LARGE = ("Number out of range", "Integer value out of range")  # as msgspec says it: no float can hold it


def read(decoder: msgspec.json.Decoder[S], value: bytes | None, limits: Limits) -> S | Refusal:
    """Decode a value into the decoder's struct, or say why it is none."""
    if not value:
        return Refusal(Refused.EMPTY, "the record has no value")
    if len(value) > limits.record_bytes:
        return Refusal(Refused.OVERSIZED, f"{len(value)} bytes, at most {limits.record_bytes} are read")
    try:
        if not value.isascii():
            # The decoder does not look into fields that it skips, and the value travels on as it is.
            value.decode()
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _reason(decoder, value, error)


def read_settled(
    decoder: msgspec.json.Decoder[S], value: bytes | None, limits: Limits, settle: Callable[[S], T]
) -> T | Refusal:
    """Decode a value as ``read`` does, and let ``settle`` make its times epoch milliseconds."""
    as_read = read(decoder, value, limits)
    if isinstance(as_read, Refusal):
        return as_read
    try:
        return settle(as_read)
    except TimeUnreadableError as error:
        return Refusal(Refused.TIME_UNREADABLE, str(error))


def check_identifier(name: str, text: str) -> Refusal | None:
    """Refuse what cannot be an id: empty, endless, or not printable."""
    if text and len(text) <= IDENTIFIER_CHARACTERS and text.isprintable():
        return None
    if not text:
        return Refusal(Refused.IDENTIFIER_INVALID, f"{name} is empty")
    if len(text) > IDENTIFIER_CHARACTERS:
        return Refusal(
            Refused.IDENTIFIER_INVALID, f"{name} has {len(text)} characters, at most {IDENTIFIER_CHARACTERS}"
        )
    return Refusal(Refused.IDENTIFIER_INVALID, f"{name} has characters that cannot be printed")


def check_key(key: bytes | None, user_id: str) -> Refusal | None:
    """Refuse a record that is keyed by something else than its user: it may lie in another user's partition."""
    if key == user_id.encode():
        return None
    shown = "absent" if key is None else repr(key[:64].decode(errors="replace"))
    return Refusal(Refused.KEY_MISMATCH, f"the record key is {shown}, user_id is {user_id!r}")


def _reason(decoder: msgspec.json.Decoder[S], value: bytes, error: Exception) -> Refusal:
    try:
        text = value.decode()
    except UnicodeDecodeError as bad:
        return Refusal(Refused.NOT_UTF8, f"byte {bad.start} is not UTF-8")
    constants: list[str] = []
    try:
        # Only the outline is looked at, and Python's int refuses more than 4,300 digits.
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
