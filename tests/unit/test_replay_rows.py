"""Rows are read in the order of the file, in every format, and an unreadable file is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from apps.replay.bad_rows import BadRow, FileError
from apps.replay.rows import open_rows
from apps.replay.text_format import TextFormat

TABLE = pa.table({"id": list(range(12_000)), "when": [datetime(2026, 1, 1, 12)] * 12_000, "note": ["a"] * 12_000})


def written(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_parquet_file_has_columns_a_row_count_and_the_needed_values(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    file = open_rows(tmp_path / "rows.parquet")
    assert (file.columns, file.count) == (("id", "when", "note"), 12_000)
    rows = [row.values for row in file.rows({"id", "when"})]
    assert [row["id"] for row in rows] == list(range(12_000))
    assert rows[0] == {"id": 0, "when": datetime(2026, 1, 1, 12)}


def test_a_csv_file_yields_text_with_the_row_and_the_line(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(TABLE, tmp_path / "rows.csv")
    file = open_rows(tmp_path / "rows.csv")
    assert (file.columns, file.count) == (("id", "when", "note"), None)
    rows = list(file.rows({"id", "note"}))
    assert len(rows) == 12_000
    assert rows[-1] == (12_000, 12_001, {"id": "11999", "note": "a"})


def test_structs_of_parquet_are_flattened_and_lists_stay(tmp_path: Path) -> None:
    places = [{"country": "NA", "geo": {"x": 1.0}}, None]
    table = pa.table({"id": [1, 2], "account.created_at": [3, 4], "location": places, "tags": [["a"], []]})
    pq.write_table(table, tmp_path / "rows.parquet")
    file = open_rows(tmp_path / "rows.parquet")
    assert file.columns == ("id", "account.created_at", "location.country", "location.geo.x", "tags")
    first, second = (row.values for row in file.rows({"location.country", "account.created_at", "tags"}))
    assert first == {"account.created_at": 3, "location.country": "NA", "location.geo.x": 1.0, "tags": ["a"]}
    assert second == {"account.created_at": 4, "location": None, "tags": []}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json"])
def test_json_lines_are_flattened_and_may_differ_in_their_fields(name: str, tmp_path: Path) -> None:
    lines = '{"id": 1, "metadata": {}}\n\n{"id": 2, "metadata": {"declined": true, "by": {"bank": "B"}}}\n'
    file = open_rows(written(tmp_path, name, lines))
    assert (file.columns, file.count) == (("id", "metadata.declined", "metadata.by.bank"), 2)
    assert [row.values for row in file.rows(())] == [
        {"id": 1},
        {"id": 2, "metadata.declined": True, "metadata.by.bank": "B"},
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.xlsx", b"PK\x03\x04...", "a ZIP or Excel file: unpack it or save it as CSV"),
        ("rows.csv", b"\x1f\x8b...", "is compressed: unpack it"),
        ("rows.parquet", "no parquet", "cannot be read: "),
        ("rows.csv", "", "cannot be read: it is empty"),
        ("rows.csv", "i\0d\0", "zero bytes: say --encoding utf-16-le"),
        ("rows.jsonl", "[1]\n", "has no JSON objects: row 1 .line 1.: each line must be a JSON object"),
        ("rows.jsonl", b'{"id": "\xff"}', "line 1: byte 0xff is not utf-8"),
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


# What is found by looking at a CSV file


@pytest.mark.parametrize(
    ("text", "columns", "note"),
    [
        ("id;note\n1;a,b\n", ("id", "note"), "delimiter semicolon"),
        ("id|note\n1|a, b\n", ("id", "note"), "delimiter pipe"),
        ("id\tnote\n1\ta\n", ("id", "note"), "delimiter tab"),
        ('id,note\n1,"a;b;c"\n', ("id", "note"), "delimiter comma"),
        ("'id','note'\n'1','a,b'\n", ("id", "note"), "quote '"),
        ("sep=;\nid;note\n1;a\n", ("id", "note"), "delimiter semicolon"),
        ("id, note\n1, a\n", ("id", "note"), "delimiter comma"),
        ("\ufeffid,note\n1,a\n", ("id", "note"), "encoding utf-8-sig"),
        ("id\n1\n", ("id",), "delimiter comma"),
    ],
)
def test_the_layout_is_found_and_said(text: str, columns: tuple[str, ...], note: str, tmp_path: Path) -> None:
    file = open_rows(written(tmp_path, "rows.CSV", text))
    assert file.columns == columns
    assert note in file.note()
    (row,) = file.rows(columns)
    assert row.values["id"] == "1"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8", "shift-jis"])
def test_an_encoding_can_be_given(encoding: str, tmp_path: Path) -> None:
    name = "\u30ab\u30d5\u30a7" if encoding == "shift-jis" else "Caf\u00e9"
    file = open_rows(written(tmp_path, "rows.csv", f"id\n{name}\n".encode(encoding)), TextFormat(encoding=encoding))
    assert [row.values for row in file.rows({"id"})] == [{"id": name}]


def test_text_of_another_encoding_is_not_guessed(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.csv", "id,name\n1,Caf\u00e9 Z\u00fcrich\n".encode("latin-1"))
    with pytest.raises(
        FileError, match=r"line 2: byte 0xe9 is not utf-8; in cp1252 it reads '1,Caf\u00e9 Z\u00fcrich': say"
    ):
        open_rows(file)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (TextFormat(delimiter="ab"), "the delimiter 'ab' is not one character"),
        (TextFormat(quote="ab"), "the quote 'ab' is not one character"),
        (TextFormat(encoding="klingon"), "there is no encoding 'klingon'"),
        (TextFormat(encoding="base64"), "there is no encoding 'base64'"),
    ],
)
def test_an_impossible_format_is_refused(options: TextFormat, reason: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=reason):
        open_rows(written(tmp_path, "rows.csv", "a,b\n1,2\n"), options)


def test_a_file_of_another_suffix_is_read_by_what_it_holds(tmp_path: Path) -> None:
    assert open_rows(written(tmp_path, "rows.txt", "id;n\n1;2\n")).columns == ("id", "n")
    assert open_rows(written(tmp_path, "rows.log", '{"id": 1}\n')).columns == ("id",)


def test_a_column_of_json_that_comes_late_is_known(tmp_path: Path) -> None:
    text = '{"id": 1}\n' * 5_000 + '{"id": 2, "location": {"country": "NA"}}\n'
    assert open_rows(written(tmp_path, "rows.jsonl", text)).columns == ("id", "location.country")


def test_a_column_that_is_there_twice_is_refused_only_if_it_is_read(tmp_path: Path) -> None:
    file = open_rows(written(tmp_path, "rows.csv", "id,n,n\n1,2,3\n"))
    assert [row.values for row in file.rows({"id"})] == [{"id": "1"}]
    with pytest.raises(FileError, match="2 columns named 'n'"):
        list(file.rows({"n"}))


# Bad rows


def test_rows_that_break_the_format_are_named_and_the_others_read(tmp_path: Path) -> None:
    text = 'id,n\n1,2\n\n2,3,4\n3,"a"b\n4,"x\ny"\n5\n6,7,,\n'
    bad: list[BadRow] = []
    file = open_rows(written(tmp_path, "rows.csv", text))
    assert [(row.number, row.line, row.values["id"]) for row in file.rows({"id"}, bad.append)] == [
        (1, 2, "1"),
        (4, 7, "4"),
        (6, 9, "6"),
    ]
    assert [(each.number, each.line, each.reason) for each in bad] == [
        (2, 4, "row_malformed"),
        (3, 5, "row_malformed"),
        (5, 8, "row_malformed"),
    ]
    assert "has 3 columns, the header has 2" in str(bad[0])


def test_a_quote_that_never_ends_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.csv", 'id,n\n1,"5 inch\n2,3\n')
    with pytest.raises(FileError, match=r"row 1 .*unexpected end of data; if the file has no quotes, say --quote none"):
        list(open_rows(file).rows({"n"}))
    assert [row.values["n"] for row in open_rows(file, TextFormat(quote="none")).rows({"n"})] == ['"5 inch', "3"]


def test_a_truncated_line_is_named(tmp_path: Path) -> None:
    file = open_rows(written(tmp_path, "rows.jsonl", '{"id": 1}\n' * 1_200 + '{"id"'))
    with pytest.raises(FileError, match=r"row 1201 \(line 1201\): "):
        list(file.rows(()))


def test_json_nested_too_deeply_is_a_bad_row(tmp_path: Path) -> None:
    bad: list[BadRow] = []
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    file = open_rows(written(tmp_path, "rows.jsonl", f'{{"id": 1}}\n{deep}\n'))
    assert len(list(file.rows((), bad.append))) == 1
    assert [each.line for each in bad] == [2]
