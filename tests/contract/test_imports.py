"""The house: which room may import which, as README's table has it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flink_jobs", "udfs", "state", "models", "apps", "deploy", "tests")
MAY_IMPORT = {
    "flink_jobs": {"udfs", "state", "models"},
    "udfs": {"state", "models"},
    "state": set(),
    "models": {"state.kernel.jit", "state.kernel.times"},
    "apps": {"udfs", "state", "models"},
    "deploy": {"flink_jobs", "udfs", "state", "models", "apps"},
}

MAY_KNOW_FLINK = {Path("apps/peers/pyflink_by_the_book.py")}
"""Programs beside the job that know it: a benchmark of what PyFlink is without the product."""


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively: write the full name"
            yield node.lineno, node.module or ""


def files(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found, f"there is nothing in {room}"
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_stands_below_it(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files(room)
        for line, name in imports(file)
        if (top := name.partition(".")[0]) in ROOMS and not {top, name} & allowed
    ]
    assert not wrong


@pytest.mark.parametrize("room", [room for room in MAY_IMPORT if room != "flink_jobs"])
def test_only_the_job_knows_flink(room: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files(room)
        if file.relative_to(ROOT) not in MAY_KNOW_FLINK
        for line, name in imports(file)
        if name.partition(".")[0] in ("pyflink", "pemja", "py4j")
    ]
    assert not wrong


def test_the_exceptions_need_to_be_ones() -> None:
    for file in MAY_KNOW_FLINK:
        assert any(name.startswith("pyflink") for _, name in imports(ROOT / file))


def test_every_folder_of_code_is_a_room() -> None:
    folders = {
        file.relative_to(ROOT).parts[0]
        for file in ROOT.glob("*/**/*.py")
        if not file.relative_to(ROOT).parts[0].startswith(".")
    }
    assert folders == set(ROOMS)
