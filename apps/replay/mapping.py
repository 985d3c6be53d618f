"""From a row of somebody's data to a transaction, as a mapping says.

A mapping is YAML (or ``field=source`` on the command line). A field of the transaction, nested ones with a dot, is
given a source:

- ``CUSTOMER_ID``: the column of that name,
- ``customer-{CUSTOMER_ID}``: a text with columns in it,
- ``=EUR``: a constant; JSON where it is JSON (``=true``, ``=1.5``), else text.

Fields that are not mapped are taken from columns of their own names, where there are any. A time may be a date column
(without zone: UTC), ISO-8601 text with a zone, or a number of ``timestamp_unit``. What a row leaves empty is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml

from udfs.records import times
from udfs.records.transaction import Transaction

Row = Mapping[str, Any]
TimeUnit = Literal["s", "ms", "us", "ns"]

_PER_MS: Mapping[str, float] = {"s": 0.001, "ms": 1, "us": 1_000, "ns": 1_000_000}
_COLUMN_IN_TEXT = re.compile(r"\{([^{}]+)\}")
_TIMES = ("timestamp", "account.created_at")
_FREE = "metadata."
"""What may be said of a payment beyond the fields that are known."""
_READY = files(__package__) / "mappings"


class MappingError(Exception):
    """A mapping that cannot be used, or does not fit the data; the message says what to change."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, str]
    timestamp_unit: TimeUnit = "ms"
    label: str | None = None


@dataclass(frozen=True)
class ColumnMapping:
    """Where each field of a transaction comes from.

    Attributes:
        fields: source by field.
        timestamp_unit: of times that are numbers.
        label: column that is true for fraud, if there is one.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    timestamp_unit: TimeUnit = "ms"
    label: str | None = None

    def with_fields(self, given: Sequence[str]) -> ColumnMapping:
        """The same with ``field=source`` texts over it.

        Raises:
            MappingError: a text that is none.
        """
        more: dict[str, str] = {}
        for text in given:
            name, equals, source = text.partition("=")
            if not (name and equals and source):
                raise MappingError(f"{text!r} maps nothing: write FIELD=COLUMN, such as user_id=CUSTOMER_ID")
            more[name] = source
        return replace(self, fields=_checked({**self.fields, **more}))

    def compile(self, columns: Collection[str]) -> Callable[[Row], dict[str, Any]]:
        """A function from a row with these columns to a transaction's fields, absent ones left out.

        Raises:
            MappingError: a column that is not there, a required field without a source, or a field that has a source as
                a whole and another for a part of it.
        """
        known = _known_fields()
        own = {name: name for name in columns if name in known or name.startswith(_FREE)}
        sources = {**own, **self.fields}
        for name, source in sources.items():
            for column in columns_of(source):
                if column not in columns:
                    raise MappingError(f"{name} comes from the column {column!r}, there are {', '.join(columns)}")
        missing = [name for name in _required_fields() if name not in sources]
        if missing:
            raise MappingError(
                f"nothing says where {', '.join(missing)} comes from: map it to one of {', '.join(columns)}"
            )
        _check_parts(sources)
        parts = [(name.split("."), _reader(name, source, self.timestamp_unit)) for name, source in sources.items()]
        return lambda row: _transaction(parts, row)


def load_mapping(name: str) -> ColumnMapping:
    """A mapping that comes with the product, by its name, or one from a file.

    Raises:
        MappingError: there is none, or it cannot be used.
    """
    ready = _READY / f"{name}.yaml"
    file = ready if ready.is_file() else Path(name)
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text()), _File)
    except OSError:
        known = ", ".join(ready_mappings())
        raise MappingError(f"{name} is neither a mapping file nor one that comes along ({known})") from None
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MappingError(f"{name} is no mapping: {error}") from None
    return ColumnMapping(_checked(found.fields), found.timestamp_unit, found.label)


def ready_mappings() -> list[str]:
    """Names of the mappings that come with the product."""
    return sorted(file.name.removesuffix(".yaml") for file in _READY.iterdir() if file.name.endswith(".yaml"))


def columns_of(source: str) -> list[str]:
    """The columns that a source reads."""
    if source.startswith("="):
        return []
    return _COLUMN_IN_TEXT.findall(source) or [source]


def epoch_ms(value: object, unit: TimeUnit) -> int | str:
    """A time as a transaction wants it: epoch milliseconds, or text that is no time and that the job will refuse."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime.combine(value, time(), UTC).timestamp() * 1000)
    if isinstance(value, int | float | Decimal) and math.isfinite(value):
        return round(float(value) / _PER_MS[unit])
    try:
        return times.epoch_ms("time", str(value))
    except times.TimeUnreadableError:
        return str(value)


def _checked(fields: Mapping[str, str]) -> Mapping[str, str]:
    known = _known_fields()
    for name in fields:
        if name not in known and not name.startswith(_FREE):
            raise MappingError(f"a transaction has no field {name!r}; it has {', '.join(known)} and metadata.*")
    return fields


def _check_parts(sources: Collection[str]) -> None:
    for name in sources:
        whole = next((other for other in sources if name.startswith(f"{other}.")), None)
        if whole is not None:
            raise MappingError(f"{whole} has a source as a whole, and its part {name} another: map one of the two")


def _known_fields() -> list[str]:
    names: list[str] = []
    for each in msgspec.structs.fields(Transaction):
        nested = next(filter(None, map(_struct, get_args(each.type))), None)
        if nested is None:
            names.append(each.encode_name)
        else:
            names += [f"{each.encode_name}.{part.encode_name}" for part in msgspec.structs.fields(nested)]
    return names


def _struct(kind: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - any annotation
    """The struct that an annotation names, generic or not; None if it names something else."""
    named = get_origin(kind) or kind
    return named if isinstance(named, type) and issubclass(named, msgspec.Struct) else None


def _required_fields() -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(Transaction) if each.required]


def _reader(name: str, source: str, unit: TimeUnit) -> Callable[[Row], Any]:
    """What gives a field's value, or None for a row that leaves it empty."""
    if source.startswith("="):
        constant = _constant(source[1:])
        return lambda _: constant
    if _COLUMN_IN_TEXT.search(source):
        return _filled(source)
    if name in _TIMES:
        convert: Callable[[Any], object] = lambda value: epoch_ms(value, unit)  # noqa: E731
    elif name.endswith("_id") or name == "device.id":
        convert = str
    else:
        convert = _plain
    return lambda row: None if (value := row.get(source)) is None else convert(value)


def _filled(source: str) -> Callable[[Row], str | None]:
    wanted = columns_of(source)

    def fill(row: Row) -> str | None:
        if any(row.get(column) is None for column in wanted):
            return None
        return _COLUMN_IN_TEXT.sub(lambda found: str(row[found[1]]), source)

    return fill


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _constant(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _transaction(parts: Sequence[tuple[list[str], Callable[[Row], Any]]], row: Row) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, read in parts:
        value = read(row)
        if value is None:
            continue
        place = made
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
    return made
