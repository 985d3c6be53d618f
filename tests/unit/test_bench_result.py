"""Results of benchmarks: written, read, and rendered as a self-contained page."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from apps.bench.formatting import format_number, label_and_unit
from apps.bench.machine import describe_machine, load_averages, versions
from apps.bench.page import render_page
from apps.bench.result import Plot, Result, Table, read_json, write_json


@pytest.fixture
def result() -> Result:
    return Result(
        bench="drain",
        begun="2026-11-25T17:00:00+00:00",
        ended="2026-11-25T17:01:00+00:00",
        options={"transactions": 1_000},
        settings={"job": {"parallelism": 2}},
        machine=describe_machine(load_averages(), 12.34),
        versions={"commit": "abc+dirty"},
        figures={"decided_per_s": 12_345.6, "p99_ms": 93, "slowest": "merchant <stage>"},
        tables=[Table("CPU by component", ["component", "us each"], [["kafka", 12.5], ["redis", None]])],
        plots=[
            Plot("CPU by component", "component", "us", {"kafka": [(1.0, 12.5), (2.0, 13.0)]}),
            Plot("Decisions a second", "s", "1/s", {"decided": [(1.0, 5.0), (10.0, 6.0)]}, log_x=True),
        ],
        notes=["Both are rates."],
    )


def test_a_result_that_is_written_is_read_unchanged(result: Result, tmp_path: Path) -> None:
    write_json(result, tmp_path / "result.json")
    assert read_json(tmp_path / "result.json") == result


def test_a_result_without_the_machine_speed_is_read(result: Result, tmp_path: Path) -> None:
    written = msgspec.to_builtins(result)
    del written["machine"]["fixed_work_before_ms"], written["machine"]["fixed_work_after_ms"]
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(written))
    found = read_json(tmp_path / "result.json").machine
    assert (found.fixed_work_before_ms, found.fixed_work_after_ms) == (None, None)


def test_a_file_that_is_not_a_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"bench": "drain"}')
    with pytest.raises(msgspec.ValidationError):
        read_json(tmp_path / "result.json")


def test_the_page_shows_every_figure_table_note_and_plot(result: Result) -> None:
    text = render_page(result)
    for wanted in (
        "12,346",
        "93",
        "CPU by component",
        "12.5",
        "12.3",
        "Both are rates.",
        "abc+dirty",
        "Decisions a second",
    ):
        assert wanted in text
    assert text.count("<svg") == 2


def test_the_page_loads_nothing_from_elsewhere(result: Result) -> None:
    requests = re.findall(
        r'<(?:link|script|img|iframe)\b|\b(?:src|href)="(?!#)|url\((?!#)|@import', render_page(result)
    )
    assert requests == []


def test_the_page_shows_angle_brackets_as_text(result: Result) -> None:
    assert "merchant &lt;stage&gt;" in render_page(result)


def test_two_plots_on_a_page_have_no_definition_in_common(result: Result) -> None:
    identities = re.findall(r'<(?:clipPath|path|g) id="([^"]+)"', render_page(result))
    definitions = [name for name in identities if re.match(r"[mp][0-9a-f]{8,}", name)]
    assert definitions
    assert len(set(definitions)) == len(definitions)


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("decided_per_s", "decided", "/s"),
        ("per_s", "rate", "/s"),
        ("p99_ms", "p99", "ms"),
        ("missing", "missing", ""),
        ("grows_percent", "grows", "%"),
    ],
)
def test_a_figure_has_the_unit_that_its_name_ends_with(name: str, label: str, unit: str) -> None:
    assert label_and_unit(name) == (label, unit)


@pytest.mark.parametrize(
    ("value", "formatted"),
    [(None, ""), (1_234, "1,234"), (1234.56, "1,235"), (93.24, "93.2"), (0.01234, "0.0123"), ("as it is", "as it is")],
)
def test_numbers_have_three_significant_digits(value: float | str | None, formatted: str) -> None:
    assert format_number(value) == formatted


def test_the_versions_name_the_commit_and_the_jars(tmp_path: Path) -> None:
    (tmp_path / "flink").mkdir()
    (tmp_path / "flink" / "flink-sql-connector-kafka-5.0.0-2.2.jar").touch()
    found = versions(tmp_path)
    assert found["kafka connector"] == "5.0.0-2.2"
    assert found["kafka broker"] == "unknown"
    assert {"commit", "python", "java", "flink", "lightgbm", "numpy", "numba"} <= set(found)


def test_the_machine_has_its_cores_and_its_load_and_speed_before_and_after() -> None:
    before = load_averages()
    found = describe_machine(before, 12.34)
    assert found.cores >= 1
    assert found.fixed_work_before_ms == 12.3
    assert found.fixed_work_after_ms is not None
    assert found.fixed_work_after_ms > 0
    assert found.load_before == before
    assert len(found.load_after) == 3
