"""Write Markdown: tables, code and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; line breaks in a cell become ``<br>``, and bars are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """Inline code; the empty string for empty text."""
    return f"`{text}`" if str(text) else ""


def codes(texts: Iterable[object]) -> str:
    """Several pieces of inline code, separated by commas."""
    return ", ".join(code(text) for text in texts)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def anchor(heading: str) -> str:
    """The anchor that MkDocs gives a heading: lower case, hyphens for spaces, and no other signs."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", "<br>")
