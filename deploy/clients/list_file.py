"""CSV files of list entries: all rows are checked before any is sent."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from deploy.errors import OperationError
from udfs.lists.record import ListRecord, encode_entry, normal_id
from udfs.names import ListedEntity
from udfs.records.refusal import Refusal

COLUMNS = ("list", "entity", "id", "reason", "author", "since", "until", "rules")
"""Columns of a file; ``rules`` holds ids with spaces between them. A column that is absent takes its default."""
SHOWN = 20
"""Bad rows that are named; the others are counted."""
_REPORT_EVERY = 1_000


def read_file(
    file: Path, defaults: Mapping[str, str], at_ms: int, report: Callable[[int], None] = lambda _: None
) -> list[tuple[bytes, bytes]]:
    """Read and check the entries of a file.

    Args:
        file: CSV in UTF-8 with a header.
        defaults: values of columns that the file does not have, or that are empty in a row.
        at_ms: when the records are written, epoch milliseconds.
        report: called now and then with the number of rows.

    Returns:
        Keys and values of the records, in order.

    Raises:
        OperationError: the file cannot be read, or rows are bad; names the first ones.
    """
    records: list[tuple[bytes, bytes]] = []
    bad: list[str] = []
    count = 0
    for number, row in enumerate(_rows(file), 1):
        found = _record(row, defaults, at_ms)
        if isinstance(found, str):
            count += 1
            if len(bad) < SHOWN:
                bad.append(f"  row {number}: {found}")
        else:
            records.append(found)
        if number % _REPORT_EVERY == 0:
            report(number)
    if count:
        more = f"\n  and {count - len(bad):,} more" if count > len(bad) else ""
        raise OperationError(f"{file.name}: {count:,} rows are bad, so nothing was sent:\n" + "\n".join(bad) + more)
    if not records:
        raise OperationError(f"{file.name} has no rows, so nothing was sent")
    return records


def _rows(file: Path) -> Iterator[dict[str | None, Any]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            unknown = set(reader.fieldnames or ()) - set(COLUMNS)
            if unknown or "id" not in (reader.fieldnames or ()):
                named = f"unknown columns {', '.join(sorted(unknown))}" if unknown else "no column id"
                raise OperationError(f"{file.name} has {named}: the columns are {', '.join(COLUMNS)}")
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OperationError(f"{file} cannot be read: {error}") from None


def _record(row: dict[str | None, Any], defaults: Mapping[str, str], at_ms: int) -> tuple[bytes, bytes] | str:
    """Key and value of the record of a row, or its fault."""
    if None in row:
        return "more values than columns"
    values = {name: (row.get(name) or "").strip() or defaults.get(name, "") for name in COLUMNS}
    absent = [name for name in ("list", "entity", "id", "reason", "author") if not values[name]]
    if absent:
        return f"{absent[0]} is missing"
    try:
        entity = ListedEntity(values["entity"])
    except ValueError:
        return f"entity {values['entity'][:64]!r} is none of {', '.join(ListedEntity)}"
    record = ListRecord(
        list=values["list"],
        entity=entity,
        id=normal_id(entity, values["id"]),
        at=at_ms,
        reason=values["reason"],
        author=values["author"],
        since=values["since"] or None,
        until=values["until"] or None,
        rules=tuple(values["rules"].split()),
    )
    try:
        found = encode_entry(record)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        return str(error)
    return found.detail if isinstance(found, Refusal) else found
