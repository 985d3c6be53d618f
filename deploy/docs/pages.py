"""The generated pages: render them, write them, and find those that differ from the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from deploy.docs import (
    cli_page,
    control_page,
    features_page,
    metrics_page,
    patterns_page,
    reason_codes_page,
    rules_page,
    settings_page,
    stored_formats_page,
    topics_page,
    vocabulary_page,
)
from deploy.docs.words import TEMPLATES
from deploy.paths import ROOT

REFERENCE = ROOT / "docs" / "reference"

CONTEXTS: dict[str, Callable[[], dict[str, Any]]] = {
    "topics": topics_page.context,
    "settings": settings_page.context,
    "cli": cli_page.context,
    "features": features_page.context,
    "rules": rules_page.context,
    "vocabulary": vocabulary_page.context,
    "patterns": patterns_page.context,
    "reason-codes": reason_codes_page.context,
    "metrics": metrics_page.context,
    "control": control_page.context,
    "stored-formats": stored_formats_page.context,
}
"""By the name of a page, the function that reads its tables from the code."""

_HEADER = """---
# Do not edit: `sentinel docs --write` makes this page from its template and the code.
generated_from: {template}
---"""
_jinja = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown, not HTML
)


class Difference(NamedTuple):
    """The first line in which a committed page differs from the code.

    Attributes:
        page: path of the page below the project's root.
        line: number of the line, from 1.
        committed: the line as it is committed; None after the end of the page.
        generated: the line as the code has it; None after the end of the page.
    """

    page: Path
    line: int
    committed: str | None
    generated: str | None

    def __str__(self) -> str:
        """One message for a person."""
        lines = f"  committed: {_shown(self.committed)}\n  generated: {_shown(self.generated)}"
        return f"{self.page}, line {self.line} differs from the code:\n{lines}"


def render(name: str) -> str:
    """The Markdown of a page, as the code and the template have it."""
    template = f"{name}.md.j2"
    header = _HEADER.format(template=(TEMPLATES / template).relative_to(ROOT))
    body = _jinja.get_template(template).render(CONTEXTS[name]())
    return f"{header}\n\n{body.strip()}\n"


def write_pages() -> list[Path]:
    """Write every page that differs; returns these."""
    changed = [difference.page for difference in differences()]
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for page in changed:
        (ROOT / page).write_text(render(page.stem))
    return changed


def differences() -> Iterator[Difference]:
    """The first difference of every page that differs from the code."""
    for name in CONTEXTS:
        page = REFERENCE / f"{name}.md"
        committed = page.read_text().splitlines() if page.exists() else []
        for number, (old, new) in enumerate(zip_longest(committed, render(name).splitlines()), start=1):
            if old != new:
                yield Difference(page.relative_to(ROOT), number, old, new)
                break


def _shown(line: str | None) -> str:
    return "(the page ends before it)" if line is None else line[:200]
