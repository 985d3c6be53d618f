"""The documents of the project, and the tables and examples in them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
CHANGELOG = ROOT / "CHANGELOG.md"
REFERENCE = DOCS / "reference"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_templates" not in page.parts)
DOCUMENTS = (README, CONTRIBUTING, CHANGELOG, *PAGES)

Rows = list[list[str]]


def name_of(document: Path) -> str:
    """The path of a document below the root, as an id of a test."""
    return str(document.relative_to(ROOT))


@cache
def sections(document: Path) -> dict[str, str]:
    """The text under each heading, up to the next one; lines of code and of front matter are no headings."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    in_code = False
    for line in re.sub(r"\A---\n.*?^---\n", "", document.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines():
        in_code ^= line.lstrip().startswith("```")
        if line.startswith("#") and not in_code:
            lines = found[line] = []
        else:
            lines.append(line)
    return {heading: "\n".join(text) for heading, text in found.items()}


def tables(text: str) -> list[Rows]:
    """Every table of a text: rows of cells, the head first."""
    found: list[Rows] = []
    before = ""
    for line in text.splitlines():
        if re.fullmatch(r"\|( ?-+ ?\|)+", line):
            found.append([_cells(before)])
        elif line.startswith("|") and before.startswith("|"):
            found[-1].append(_cells(line))
        before = line
    return found


def table(document: Path, heading: str, number: int = 0) -> Rows:
    """The rows of a table under a heading, without the head."""
    return tables(sections(document)[heading])[number][1:]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def quoted(text: str) -> list[str]:
    """The pieces of inline code."""
    return re.findall(r"`([^`\n]+)`", text)


def first_names(rows: Rows) -> list[str]:
    """The first piece of inline code of each row."""
    return [quoted(row[0])[0] for row in rows]


def code_blocks(text: str, *languages: str) -> list[str]:
    """The code blocks of these languages, without their indentation; an empty language is one that is not named."""
    blocks = re.findall(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [
        "\n".join(line.removeprefix(indent) for line in block.splitlines())
        for indent, language, block in blocks
        if language in languages
    ]


def examples(document: Path, heading: str) -> list[dict[str, Any]]:
    """The JSON records shown under a heading."""
    blocks = code_blocks(sections(document)[heading], "json")
    assert blocks, f"no example under {heading!r}"
    return [msgspec.json.decode(block, type=dict[str, Any]) for block in blocks]
