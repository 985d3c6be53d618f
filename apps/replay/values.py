"""Convert the values of a file, typed or text, to the types of a transaction's fields."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from udfs.records import times

Kind = Literal["text", "number", "flag", "time", "any"]
"""Type of a field; ``any`` leaves a value as the file has it."""
TimeUnit = Literal["ns", "us", "ms", "s", "min", "h", "d"]
DecimalSign = Literal[".", ","]

MS_OF: Mapping[str, float] = {
    "ns": 1e-6,
    "us": 1e-3,
    "ms": 1,
    "s": 1_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
NULL_WORDS = frozenset(("na", "n/a", "nan", "null", "none", "nil", r"\n", "-", "#n/a"))
"""Words in lower case that mean nothing where a number, a time or a flag is expected; elsewhere text stays text."""
FLAG_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), False),
}

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CURRENCY = re.compile(r"[$€£¥₹]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_GROUPED = {
    ".": re.compile(r"[+-]?\d{1,3}(?:([,'’\s])\d{3})(?:\1\d{3})*(\.\d*)?", re.ASCII),
    ",": re.compile(r"[+-]?\d{1,3}(?:([.'’\s])\d{3})(?:\1\d{3})*(,\d*)?", re.ASCII),
}
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))
_LONGEST = 2**62
_EXACT = 2**53
"""Whole numbers beyond it are not exact as floats."""


class ValueUnreadableError(ValueError):
    """A value is not of its field's type; the message quotes it."""


@dataclass(frozen=True)
class ValueFormat:
    """How values are written.

    Attributes:
        decimal: decimal sign of numbers that are text.
        null_words: exact texts that mean nothing in every column, beside empty text.
        timestamp_unit: unit of times that are numbers.
        time_format: strptime format of times that are text; None for ISO 8601.
        time_zone: zone of times without one.
        time_origin_ms: added to times that are numbers, milliseconds.
    """

    decimal: DecimalSign = "."
    null_words: frozenset[str] = frozenset()
    timestamp_unit: TimeUnit = "ms"
    time_format: str | None = None
    time_zone: str = "UTC"
    time_origin_ms: int = 0


def reader_of(kind: Kind, values: ValueFormat) -> Callable[[Any], Any]:
    """Make the function that converts a value to a kind; it returns None for a value that means nothing.

    The function raises ``ValueUnreadableError``.
    """
    zone = UTC if values.time_zone == "UTC" else ZoneInfo(values.time_zone)
    readers: Mapping[Kind, Callable[[Any], Any]] = {
        "text": as_text,
        "number": lambda value: as_number(value, values.decimal),
        "flag": as_flag,
        "time": lambda value: as_time(value, values, zone),
        "any": _as_it_is,
    }
    read, nulls, typed = readers[kind], values.null_words, kind in ("number", "flag", "time")

    def convert(value: Any) -> Any:  # noqa: ANN401 - any value of a file
        if type(value) is bytes:
            value = _decoded(value)
        if type(value) is str:
            if not value or value in nulls:
                return None
            if typed and means_nothing(value):
                return None
        elif value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
            return None
        return read(value)

    return convert


def means_nothing(text: str) -> bool:
    """Whether a text stands for no value where a number, a time or a flag is expected."""
    # The shortest test first: almost every value begins with a digit.
    return not text[:1].isdigit() and (not text.strip() or text.strip().lower() in NULL_WORDS)


def as_text(value: object) -> str:
    """Convert a value to text; a float that is whole becomes the text of the whole number.

    Pandas stores whole numbers as floats where some are missing.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        if abs(value) > _EXACT:
            raise ValueUnreadableError(f"{value!r} was stored as a float and has lost digits: store it as text")
        return str(int(value))
    if isinstance(value, list | dict):
        raise ValueUnreadableError(f"{_shown(value)} is no text")
    return str(value)


def as_number(value: object, decimal: DecimalSign) -> float:
    """Convert a value to a finite number: text may have a currency, signs, and groups of three digits."""
    if isinstance(value, str):
        return _parsed(value, decimal)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            finite = math.isfinite(value)
        except OverflowError:
            finite = False
        if finite:
            # JSON has no decimals, and its readers take no whole numbers of more than 64 bits.
            return float(value) if isinstance(value, Decimal) or abs(value) > _EXACT else value
    raise ValueUnreadableError(f"{_shown(value)} is no number")


def _parsed(text: str, decimal: DecimalSign) -> float:
    if decimal == "." and _PLAIN.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    bare = bare_number(text)
    if (found := _GROUPED[decimal].fullmatch(bare)) is not None:
        bare = bare.replace(found[1], "")
    if decimal == ",":
        if "." in bare:
            raise ValueUnreadableError(f"{_shown(text)} is no number with a decimal comma")
        bare = bare.replace(",", ".")
    if _PLAIN.fullmatch(bare) is None or not math.isfinite(number := float(bare)):
        raise ValueUnreadableError(f"{_shown(text)} is no number" + (" with a decimal comma" if decimal == "," else ""))
    return number


def bare_number(text: str) -> str:
    """Strip spaces around a number, one currency, and the two other ways to write a negative one."""
    bare = _CURRENCY.sub("", text.translate(_SPACES).replace("\u2212", "-"), count=1).strip()
    if bare.startswith("(") and bare.endswith(")"):
        bare = "-" + bare[1:-1].strip()
    if bare.endswith("-"):
        bare = "-" + bare[:-1].strip()
    return re.sub(r"^([+-])\s+", r"\1", bare)


def as_flag(value: object) -> bool:
    """Convert a value to a truth value: 1 or 0, true or false, yes or no."""
    flag = value if isinstance(value, bool) else FLAG_WORDS.get(str(value).strip().lower())
    if flag is None:
        raise ValueUnreadableError(f"{_shown(value)} is neither yes nor no")
    return flag


def as_time(value: object, values: ValueFormat, zone: tzinfo) -> int:
    """Convert a date, a number or text to epoch milliseconds; 0 is a time."""
    try:
        if isinstance(value, str):
            return _in_64_bits(_time_of_text(value.strip(), values, zone))
        if isinstance(value, datetime):
            return round((value if value.tzinfo is not None else value.replace(tzinfo=zone)).timestamp() * 1000)
        if isinstance(value, date):
            return round(datetime.combine(value, time(), zone).timestamp() * 1000)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value):
            return _in_64_bits(round(float(value) * MS_OF[values.timestamp_unit]) + values.time_origin_ms)
    except (ValueError, OverflowError, times.TimeUnreadableError):
        pass
    raise ValueUnreadableError(
        f"{_shown(value)} is no time" + ("" if values.time_format is None else f" of the format {values.time_format}")
    )


def _in_64_bits(time_ms: int) -> int:
    if abs(time_ms) >= _LONGEST:
        raise OverflowError
    return time_ms


def _time_of_text(text: str, values: ValueFormat, zone: tzinfo) -> int:
    if values.time_format is not None:
        moment = datetime.strptime(text, values.time_format)
    elif _PLAIN.fullmatch(text) is not None:
        return round(float(text) * MS_OF[values.timestamp_unit]) + values.time_origin_ms
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return times.epoch_ms("time", text)
    return round((moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp() * 1000)


def _as_it_is(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueUnreadableError(f"{value} is no number in JSON")
    if isinstance(value, Decimal):
        return float(value)
    return value


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ValueUnreadableError(f"{value[:40]!r} is not UTF-8: store it as text") from None


def _shown(value: object) -> str:
    return repr(value)[:80]
