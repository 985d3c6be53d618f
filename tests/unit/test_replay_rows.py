"""Rows are read in the order of the file, in every format, and an unreadable file is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from apps.replay.rows import FileError, open_rows

TABLE = pa.table({"id": list(range(12_000)), "when": [datetime(2026, 1, 1, 12)] * 12_000, "note": ["a"] * 12_000})


def written(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_parquet_file_has_columns_a_row_count_and_the_needed_values(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    file = open_rows(tmp_path / "rows.parquet")
    assert (file.columns, file.count) == (("id", "when", "note"), 12_000)
    rows = list(file.rows({"id", "when"}))
    assert [row["id"] for row in rows] == list(range(12_000))
    assert rows[0] == {"id": 0, "when": datetime(2026, 1, 1, 12)}


def test_a_csv_file_yields_numbers_and_times(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(TABLE, tmp_path / "rows.csv")
    file = open_rows(tmp_path / "rows.csv")
    assert (file.columns, file.count) == (("id", "when", "note"), None)
    rows = list(file.rows({"id"}))
    assert len(rows) == 12_000
    assert rows[-1] == {"id": 11_999, "when": datetime(2026, 1, 1, 12), "note": "a"}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json"])
def test_json_lines_are_flattened_and_may_differ_in_their_fields(name: str, tmp_path: Path) -> None:
    lines = '{"id": 1, "metadata": {}}\n\n{"id": 2, "metadata": {"declined": true, "by": {"bank": "B"}}}\n'
    file = open_rows(written(tmp_path, name, lines))
    assert (file.columns, file.count) == (("id", "metadata.declined", "metadata.by.bank"), None)
    assert list(file.rows(())) == [{"id": 1}, {"id": 2, "metadata.declined": True, "metadata.by.bank": "B"}]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.txt", "a", "only .parquet, .csv and .jsonl are read"),
        ("rows.parquet", "no parquet", "cannot be read: "),
        ("rows.csv", "", "cannot be read: Empty CSV file"),
        ("rows.jsonl", '{"id": 1}\n{"id": ', "line 2: "),
        ("rows.jsonl", '{"id": 1}\n\n[1]', "line 3: each line must be a JSON object"),
        ("rows.jsonl", b'{"id": "\xff"}', "line 1: "),
    ],
)
def test_an_unreadable_file_is_refused_when_it_is_opened(
    name: str, content: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=reason):
        open_rows(written(tmp_path, name, content))


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_a_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=f"{name} cannot be read: .*No such file"):
        open_rows(tmp_path / name)


def test_a_file_that_changes_its_columns_is_refused_while_it_is_read(tmp_path: Path) -> None:
    many = "id,amount\n" + "1,2.5\n" * 400_000
    file = open_rows(written(tmp_path, "rows.csv", many + "1,2.5,3\n"))
    with pytest.raises(FileError, match=r"cannot be read to its end: .*Expected 2 columns, got 3"):
        list(file.rows(()))


def test_a_truncated_line_is_named(tmp_path: Path) -> None:
    file = open_rows(written(tmp_path, "rows.jsonl", '{"id": 1}\n' * 1_200 + '{"id"'))
    with pytest.raises(FileError, match="line 1201: "):
        list(file.rows(()))
