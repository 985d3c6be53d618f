"""Map the rows of a file to transactions.

A mapping is a YAML file, or ``field=source`` arguments on the command line. It gives each field of the transaction
(nested ones with a dot) a source:

- ``CUSTOMER_ID``: the column of that name,
- ``customer-{CUSTOMER_ID}``: text with column values inserted; ``{#row}`` is the number of the row, from 1,
- ``=EUR``: a constant, parsed as JSON if it is JSON (``=true``, ``=1.5``), else text.

A field without a source is read from the column of its name, if there is one. The type of a field decides how its
source is read (``apps.replay.values``), never the look of a part of the file: ids are text. A field whose source is
empty in a row is omitted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from apps.replay.text_format import TextFormat
from apps.replay.values import DecimalSign, Kind, TimeUnit, ValueFormat, ValueUnreadableError, reader_of
from udfs.records.readable import DERIVED
from udfs.records.transaction import Transaction

Row = Mapping[str, Any]

ROW_NUMBER = "#row"
"""Column with the number of the row, in every file."""
_COLUMN_IN_TEXT = re.compile(r"\{([^{}]+)\}")
_TIMES = ("timestamp", "account.created_at")
_FLAGS = ("metadata.declined",)
METADATA = "metadata."
"""Prefix of fields that may have any name."""


class MappingError(Exception):
    """A mapping is invalid, or does not fit the data; the message says what to change."""


class RowUnreadableError(Exception):
    """A value of a row cannot be read.

    Attributes:
        column: source that was read.
    """

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


@dataclass(frozen=True)
class ColumnMapping:
    """Sources of the fields of a transaction, and how the file writes them; what is None is found in the file.

    Attributes:
        fields: source of each field.
        timestamp_unit: unit of times that are numbers.
        label: column that is true for fraud; None if there is no label.
        types: kind of fields in metadata, which are otherwise left as the file has them.
        text_format: format of a text file.
        decimal: decimal sign of numbers that are text.
        null_words: texts that mean nothing in every column.
        time_format: strptime format of times that are text.
        time_zone: zone of times without one; None for UTC.
        time_origin_ms: time at which times that are numbers begin, epoch milliseconds.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    timestamp_unit: TimeUnit | None = None
    label: str | None = None
    types: Mapping[str, Kind] = field(default_factory=dict)
    text_format: TextFormat = field(default_factory=TextFormat)
    decimal: DecimalSign | None = None
    null_words: frozenset[str] = frozenset()
    time_format: str | None = None
    time_zone: str | None = None
    time_origin_ms: int = 0

    def values(self) -> ValueFormat:
        """Format of values, with the defaults where the mapping says nothing."""
        return ValueFormat(
            self.decimal or ".",
            self.null_words,
            self.timestamp_unit or "ms",
            self.time_format,
            self.time_zone or "UTC",
            self.time_origin_ms,
        )

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
        return replace(self, fields=checked_fields({**self.fields, **added}))

    def sources(self, columns: Collection[str]) -> dict[str, str]:
        """Source of every field that a file with these columns gives.

        Raises:
            MappingError: a source names an unknown column, a required field has no source, or both a field and one of
                its nested fields have one.
        """
        known = _known_fields()
        same_name = {name: name for name in columns if name in known or name.startswith(METADATA)}
        sources = {**same_name, **self.fields}
        for name, source in sources.items():
            for column in source_columns(source):
                if column not in columns and column != ROW_NUMBER:
                    raise MappingError(f"{name} reads column {column!r}; the file has {', '.join(columns)}")
        missing = [name for name in _required_fields() if name not in sources]
        if missing:
            raise MappingError(f"no source for {', '.join(missing)}: map each to one of {', '.join(columns)}")
        _check_nested(sources)
        return sources

    def kind(self, name: str) -> Kind:
        """Type of a field."""
        if name.startswith(METADATA):
            return self.types.get(name, "flag" if name in _FLAGS else "any")
        return _known_fields()[name]

    def compile(
        self, columns: Collection[str], formats: Mapping[str, ValueFormat] | None = None
    ) -> Callable[[Row], dict[str, Any]]:
        """Compile the mapping to a function from a row to the fields of a transaction; empty fields are omitted.

        The function raises ``RowUnreadableError``.

        Args:
            columns: column names of the file.
            formats: of the fields that differ from ``values``.

        Raises:
            MappingError: the mapping does not fit the columns, see ``sources``.
        """
        default, differing = self.values(), formats or {}
        readers = [
            (name.split("."), source, _reader(self.kind(name), source, differing.get(name, default)))
            for name, source in self.sources(columns).items()
        ]
        return lambda row: _transaction(readers, row)


def source_columns(source: str) -> list[str]:
    """Names of the columns that a source reads."""
    if source.startswith("="):
        return []
    return _COLUMN_IN_TEXT.findall(source) or [source]


def checked_fields(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return sources of fields.

    Raises:
        MappingError: a field is unknown.
    """
    known = _known_fields()
    for name in fields:
        if name not in known and not name.startswith(METADATA):
            raise MappingError(f"a transaction has no field {name!r}; it has {', '.join(known)} and metadata.*")
    return fields


def _check_nested(sources: Collection[str]) -> None:
    for name in sources:
        parent = next((other for other in sources if name.startswith(f"{other}.")), None)
        if parent is not None:
            raise MappingError(f"both {parent} and its nested field {name} have a source: map one of the two")


@cache
def _known_fields() -> Mapping[str, Kind]:
    """Kind of every field of a transaction outside metadata."""
    kinds: dict[str, Kind] = {}
    for each in msgspec.structs.fields(Transaction):
        if each.name in DERIVED:
            continue  # made by the decoder; a record cannot set it
        nested = next(filter(None, map(_struct, get_args(each.type))), None)
        if nested is None:
            kinds[each.encode_name] = _kind(each.encode_name, each.type)
        else:
            for part in msgspec.structs.fields(nested):
                name = f"{each.encode_name}.{part.encode_name}"
                kinds[name] = _kind(name, part.type)
    return kinds


def _kind(name: str, annotation: Any) -> Kind:  # noqa: ANN401 - any annotation
    if name in _TIMES:
        return "time"
    types = {annotation, *get_args(annotation)}
    kinds: Mapping[type, Kind] = {str: "text", float: "number", bool: "flag"}
    return next((kind for of, kind in kinds.items() if of in types), "any")


def _struct(kind: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - any annotation
    """Struct that an annotation names, generic or not; None for any other annotation."""
    named = get_origin(kind) or kind
    return named if isinstance(named, type) and issubclass(named, msgspec.Struct) else None


def _required_fields() -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(Transaction) if each.required]


def _reader(kind: Kind, source: str, values: ValueFormat) -> Callable[[Row], Any]:
    """Function from a row to the value of a field; None for a row in which it is empty."""
    if source.startswith("="):
        constant = _constant(source[1:])
        if kind == "text" and not isinstance(constant, str):
            constant = source[1:]
        return lambda _: constant
    convert = reader_of(kind, values)
    if _COLUMN_IN_TEXT.search(source):
        fill = filler(source, values)
        return lambda row: convert(fill(row))
    return lambda row: convert(row.get(source))


def filler(source: str, values: ValueFormat) -> Callable[[Row], str | None]:
    """Function from a row to a text with the values of columns in it; None if one of them is empty."""
    if _COLUMN_IN_TEXT.search(source) is None:
        source = f"{{{source}}}"
    pieces = _COLUMN_IN_TEXT.split(source)
    read = reader_of("text", values)

    def fill(row: Row) -> str | None:
        filled = pieces.copy()
        for place in range(1, len(pieces), 2):
            value = read(row.get(pieces[place]))
            if value is None:
                return None
            filled[place] = value
        return "".join(filled)

    return fill


def _constant(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _transaction(readers: Sequence[tuple[list[str], str, Callable[[Row], Any]]], row: Row) -> dict[str, Any]:
    transaction: dict[str, Any] = {}
    for path, source, read in readers:
        try:
            value = read(row)
        except ValueUnreadableError as error:
            raise RowUnreadableError(source, str(error)) from None
        if value is None:
            continue
        parent = transaction
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = value
    return transaction
