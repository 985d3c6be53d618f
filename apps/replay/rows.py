"""Rows of a Parquet, CSV or JSON-lines file, in the order of the file and without reading it whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

_BATCH = 5_000
_LOOKED_AT = 1_000
_JSON_LINES = (".jsonl", ".ndjson", ".json")


class FileError(Exception):
    """A file that cannot be replayed; the message says why and what can be."""


@dataclass(frozen=True)
class RowFile:
    """A file of rows.

    Attributes:
        path: of the file.
        columns: their names, in order; of JSON lines, those of the first ``_LOOKED_AT`` lines, nested ones with a dot.
        count: number of rows, or None where only reading to the end would tell.
    """

    path: Path
    columns: tuple[str, ...]
    count: int | None

    def rows(self, wanted: Collection[str]) -> Iterator[dict[str, Any]]:
        """Every row, with the wanted columns at least; of JSON lines, with those that the line has.

        Raises:
            FileError: the file breaks off or changes its columns.
        """
        try:
            if self.path.suffix == ".parquet":
                yield from _parquet(self.path, wanted)
            elif self.path.suffix in _JSON_LINES:
                yield from _json_lines(self.path)
            else:
                yield from _csv(self.path)
        except pa.ArrowException as error:
            raise FileError(f"{self.path} cannot be read on: {error}") from None


def open_rows(path: Path) -> RowFile:
    """Look at a file.

    Raises:
        FileError: there is none, or it is no Parquet, CSV or JSON lines.
    """
    try:
        if path.suffix == ".parquet":
            parquet = pq.ParquetFile(path)
            return RowFile(path, tuple(parquet.schema_arrow.names), parquet.metadata.num_rows)
        if path.suffix in _JSON_LINES:
            first = islice(_json_lines(path), _LOOKED_AT)
            return RowFile(path, tuple(dict.fromkeys(name for row in first for name in row)), None)
        if path.suffix == ".csv":
            return RowFile(path, tuple(pyarrow.csv.open_csv(path).schema.names), None)
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    raise FileError(f"{path}: only .parquet, .csv and .jsonl are read")


def _parquet(path: Path, wanted: Collection[str]) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=sorted(wanted)):
        yield from batch.to_pylist()


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    for batch in pyarrow.csv.open_csv(path):
        yield from batch.to_pylist()


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise FileError(f"{path}, line {number}: {error}") from None
            if not isinstance(row, dict):
                raise FileError(f"{path}, line {number}: a JSON object is wanted on each line")
            yield _flat(row)


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
