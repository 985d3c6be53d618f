"""A field of an event as conditions see it: texts as codes, flags as 1 and 0, absent values as NaN."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from udfs.conditions import code_of

NAN = math.nan


class FieldKind(StrEnum):
    """Kinds of fields; texts are compared with texts only."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"


class ReadFrom(StrEnum):
    """Where the value of a field is read from.

    ``CARRIED`` fields are attributes of both transactions and the payments of stage messages. For ``RECORD`` fields
    the record of a payment has to be decoded.
    """

    CARRIED = "carried"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class EventField:
    """A field.

    Attributes:
        name: in conditions.
        kind: of its values.
        source: of its values.
        value: reads it from the event; None where it is absent.
    """

    name: str
    kind: FieldKind
    source: ReadFrom
    value: Callable[[Any], Any]

    def read(self, event: Any) -> float:  # noqa: ANN401 - a transaction, a payment or an account event
        """Read the field as conditions compare it."""
        return encoded(self.kind, self.value(event))


def encoded(kind: FieldKind, value: Any) -> float:  # noqa: ANN401 - as decoded
    """Encode a value of a field as a float; NaN if it is absent."""
    if value is None:
        return NAN
    if kind is FieldKind.TEXT:
        return code_of(normal_text(value)) if value else NAN
    return float(value)


def normal_text(text: str) -> str:
    """The form in which texts are compared: Unicode's normal form C."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
