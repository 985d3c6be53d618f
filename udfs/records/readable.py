"""Reads optional fields of another type, where a record is not of the types that its topic documents.

``"merchant_category": 5411`` can be read and is; ``"card_present": []`` cannot, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from udfs.records.normal_form import is_placeholder, number_of, truth_of

Reader = Callable[[Any], Any]
"""Turns a value into one of the documented type; None if it cannot."""
Readers = Mapping[str, "Reader | Readers"]
"""By field, its reader, or the readers of an object's fields."""

_MAX_CODE = 9999


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _code(value: object) -> str | None:
    """Read a text, or a code of at most four digits that a producer wrote as a number."""
    if isinstance(value, str):
        return value
    number = integer_of(value)
    return str(number) if number is not None and 0 <= number <= _MAX_CODE else None


def _identifier(value: object) -> str | None:
    if isinstance(value, str):
        return value
    number = integer_of(value)
    return None if number is None else str(number)


def _time(value: object) -> int | str | None:
    return value if isinstance(value, str) else integer_of(value)


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def integer_of(value: object) -> int | None:
    """Read an integer, also one that is written as 5.0; None for what is none."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


LOCATION: Readers = {"latitude": number_of, "longitude": number_of, "country": _code, "city": _text}
DEVICE: Readers = {"id": _identifier, "ip": _text, "user_agent": _text}
TRANSACTION: Readers = {
    "merchant_category": _code,
    "location": LOCATION,
    "payment_method": _text,
    "card_id": _identifier,
    "card_present": truth_of,
    "channel": _text,
    "device": DEVICE,
    "account": {"created_at": _time, "credit_limit": number_of},
    "metadata": _object,
}
ACCOUNT_EVENT: Readers = {"event_id": _identifier, "location": LOCATION, "device": DEVICE, "metadata": _object}
LABEL: Readers = {"device_id": _identifier}
DERIVED = ("ignored", "conversion")
"""Fields of a decoded transaction that no record sets."""
TIMES = ("timestamp", "event_time")
"""Required times: epoch milliseconds may be written as 1795600800000.0."""


def make_readable(document: dict[str, Any], readers: Readers) -> list[str]:
    """Read the optional fields of a document in place, and leave out what cannot be read.

    Returns:
        Names of the fields that were left out, with a dot before the fields of an object.
    """
    for name in DERIVED:
        document.pop(name, None)
    for name in TIMES:
        time = integer_of(document.get(name))
        if time is not None:
            document[name] = time
    return _read(document, readers, "")


def _read(document: dict[str, Any], readers: Readers, prefix: str) -> list[str]:
    left_out: list[str] = []
    for name, reader in readers.items():
        value = document.get(name)
        if value is None:
            continue
        if not callable(reader) and isinstance(value, dict):
            left_out += _read(value, reader, f"{prefix}{name}.")
            continue
        read = reader(value) if callable(reader) else None
        document[name] = read
        if read is None and not (isinstance(value, str) and is_placeholder(value)):
            left_out.append(prefix + name)
    return left_out
