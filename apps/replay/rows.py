"""Stream the rows of a Parquet, CSV or JSON Lines file, in the order of the file."""

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
_SAMPLED_LINES = 1_000
_JSON_LINES = (".jsonl", ".ndjson", ".json")


class FileError(Exception):
    """A file cannot be replayed; the message gives the reason and the formats that can."""


@dataclass(frozen=True)
class RowFile:
    """A file of rows.

    Attributes:
        path: path of the file; its suffix decides the format.
        columns: column names, in order. For JSON Lines, the fields of the first ``_SAMPLED_LINES`` lines, nested ones
            joined with a dot.
        count: number of rows; None if only reading to the end would show it.
    """

    path: Path
    columns: tuple[str, ...]
    count: int | None

    def rows(self, needed: Collection[str]) -> Iterator[dict[str, Any]]:
        """Read every row, with at least the needed columns; a row of JSON Lines has the fields of its line.

        Raises:
            FileError: the file ends early or changes its columns.
        """
        try:
            if self.path.suffix == ".parquet":
                yield from _parquet(self.path, needed)
            elif self.path.suffix in _JSON_LINES:
                yield from _json_lines(self.path)
            else:
                yield from _csv(self.path)
        except pa.ArrowException as error:
            raise FileError(f"{self.path} cannot be read to its end: {error}") from None


def open_rows(path: Path) -> RowFile:
    """Open a file and read its column names.

    Raises:
        FileError: the file does not exist, or is not Parquet, CSV or JSON Lines.
    """
    try:
        if path.suffix == ".parquet":
            parquet = pq.ParquetFile(path)
            return RowFile(path, tuple(parquet.schema_arrow.names), parquet.metadata.num_rows)
        if path.suffix in _JSON_LINES:
            first = islice(_json_lines(path), _SAMPLED_LINES)
            return RowFile(path, tuple(dict.fromkeys(name for row in first for name in row)), None)
        if path.suffix == ".csv":
            return RowFile(path, tuple(pyarrow.csv.open_csv(path).schema.names), None)
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    raise FileError(f"{path}: only .parquet, .csv and .jsonl are read")


def _parquet(path: Path, needed: Collection[str]) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=sorted(needed)):
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
                raise FileError(f"{path}, line {number}: each line must be a JSON object")
            yield _flat(row)


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
