"""Map the rows of a file to transactions.

A mapping is a YAML file, or ``field=source`` arguments on the command line. It gives each field of the transaction
(nested ones with a dot) a source:

- ``CUSTOMER_ID``: the column of that name,
- ``customer-{CUSTOMER_ID}``: text with column values inserted,
- ``=EUR``: a constant, parsed as JSON if it is JSON (``=true``, ``=1.5``), else text.

A field without a source is read from the column of its name, if there is one. A time is a date column (UTC if it has no
zone), ISO 8601 text with a zone, or a number in ``timestamp_unit``. A field whose column is empty in a row is omitted.
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
_METADATA = "metadata."
"""Prefix of fields that may have any name."""
_BUILT_IN = files(__package__) / "mappings"


class MappingError(Exception):
    """A mapping is invalid, or does not fit the data; the message says what to change."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, str]
    timestamp_unit: TimeUnit = "ms"
    label: str | None = None


@dataclass(frozen=True)
class ColumnMapping:
    """Sources of the fields of a transaction.

    Attributes:
        fields: source of each field.
        timestamp_unit: unit of times that are numbers.
        label: column that is true for fraud; None if there is no label.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    timestamp_unit: TimeUnit = "ms"
    label: str | None = None

    def with_fields(self, assignments: Sequence[str]) -> ColumnMapping:
        """Return a copy with ``field=source`` assignments added; they override the sources of the mapping.

        Raises:
            MappingError: an assignment is malformed, or names an unknown field.
        """
        added: dict[str, str] = {}
        for text in assignments:
            name, equals, source = text.partition("=")
            if not (name and equals and source):
                raise MappingError(f"{text!r} maps nothing: write FIELD=COLUMN, such as user_id=CUSTOMER_ID")
            added[name] = source
        return replace(self, fields=_checked({**self.fields, **added}))

    def compile(self, columns: Collection[str]) -> Callable[[Row], dict[str, Any]]:
        """Compile the mapping to a function from a row to the fields of a transaction; empty fields are omitted.

        Args:
            columns: column names of the file.

        Raises:
            MappingError: a source names an unknown column, a required field has no source, or both a field and one of
                its nested fields have one.
        """
        known = _known_fields()
        same_name = {name: name for name in columns if name in known or name.startswith(_METADATA)}
        sources = {**same_name, **self.fields}
        for name, source in sources.items():
            for column in source_columns(source):
                if column not in columns:
                    raise MappingError(f"{name} reads column {column!r}; the file has {', '.join(columns)}")
        missing = [name for name in _required_fields() if name not in sources]
        if missing:
            raise MappingError(f"no source for {', '.join(missing)}: map each to one of {', '.join(columns)}")
        _check_nested(sources)
        readers = [(name.split("."), _reader(name, source, self.timestamp_unit)) for name, source in sources.items()]
        return lambda row: _transaction(readers, row)


def load_mapping(name: str) -> ColumnMapping:
    """Load a built-in mapping by its name, or a mapping file by its path.

    Raises:
        MappingError: there is no such mapping, or it is invalid.
    """
    built_in = _BUILT_IN / f"{name}.yaml"
    file = built_in if built_in.is_file() else Path(name)
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text()), _File)
    except OSError:
        known = ", ".join(built_in_mappings())
        raise MappingError(f"{name} is neither a mapping file nor a built-in mapping ({known})") from None
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MappingError(f"{name} is not a mapping: {error}") from None
    return ColumnMapping(_checked(found.fields), found.timestamp_unit, found.label)


def built_in_mappings() -> list[str]:
    """Names of the mappings that ship with the product: the files in ``mappings/``."""
    return sorted(file.name.removesuffix(".yaml") for file in _BUILT_IN.iterdir() if file.name.endswith(".yaml"))


def source_columns(source: str) -> list[str]:
    """Names of the columns that a source reads."""
    if source.startswith("="):
        return []
    return _COLUMN_IN_TEXT.findall(source) or [source]


def epoch_ms(value: object, unit: TimeUnit) -> int | str:
    """Convert a time to epoch milliseconds; a value that is no time stays text, and the job refuses the record."""
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
        if name not in known and not name.startswith(_METADATA):
            raise MappingError(f"a transaction has no field {name!r}; it has {', '.join(known)} and metadata.*")
    return fields


def _check_nested(sources: Collection[str]) -> None:
    for name in sources:
        parent = next((other for other in sources if name.startswith(f"{other}.")), None)
        if parent is not None:
            raise MappingError(f"both {parent} and its nested field {name} have a source: map one of the two")


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
    """Struct that an annotation names, generic or not; None for any other annotation."""
    named = get_origin(kind) or kind
    return named if isinstance(named, type) and issubclass(named, msgspec.Struct) else None


def _required_fields() -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(Transaction) if each.required]


def _reader(name: str, source: str, unit: TimeUnit) -> Callable[[Row], Any]:
    """Function from a row to the value of a field; None for a row in which it is empty."""
    if source.startswith("="):
        constant = _constant(source[1:])
        return lambda _: constant
    if _COLUMN_IN_TEXT.search(source):
        return _template(source)
    if name in _TIMES:
        convert: Callable[[Any], object] = lambda value: epoch_ms(value, unit)  # noqa: E731
    elif name.endswith("_id") or name == "device.id":
        convert = str
    else:
        convert = _plain
    return lambda row: None if (value := row.get(source)) is None else convert(value)


def _template(source: str) -> Callable[[Row], str | None]:
    columns = source_columns(source)

    def fill(row: Row) -> str | None:
        if any(row.get(column) is None for column in columns):
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


def _transaction(readers: Sequence[tuple[list[str], Callable[[Row], Any]]], row: Row) -> dict[str, Any]:
    transaction: dict[str, Any] = {}
    for path, read in readers:
        value = read(row)
        if value is None:
            continue
        parent = transaction
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = value
    return transaction
