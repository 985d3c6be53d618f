"""Record a benchmark run, show its result in the terminal, and write it as JSON and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as Shown

from apps.bench.formatting import format_number, label_and_unit
from apps.bench.recording import Recording
from apps.bench.result import Result, Table, write_json
from deploy.console import console, say
from deploy.paths import RUN
from deploy.secrets import masked
from flink_jobs.settings import Settings

FOLDER = RUN / "bench"
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for the JSON and the HTML of the result; empty: .run/bench.")
]


def recording(bench: str, settings: Settings, options: Mapping[str, Any]) -> Recording:
    """Begin a run; call it before the first measurement."""
    return Recording(bench, options, masked(settings), RUN / "jars")


def show(result: Result, out: Path | None = None) -> tuple[Path, Path]:
    """Print figures, tables and notes, and write the result; return the paths of JSON and HTML.

    Args:
        result: result of a run.
        out: folder for the files; None for ``.run/bench``.
    """
    _show_figures(result)
    for table in result.tables:
        _show_table(table)
    for note in result.notes:
        say(f"· {note}")
    machine = result.machine
    say(
        f"· Machine speed: a fixed piece of work took {machine.fixed_work_before_ms} ms before the run, and "
        f"{machine.fixed_work_after_ms} ms after it. Compare runs of equal speed only."
    )
    from apps.bench.page import render_page  # noqa: PLC0415 - imports matplotlib, half a second

    folder = out or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Without the colons and hyphens of the time.
    name = f"{result.bench}-{result.begun[:19].replace(':', '').replace('-', '')}"
    file, html = folder / f"{name}.json", folder / f"{name}.html"
    write_json(result, file)
    html.write_text(render_page(result))
    say(f"written to {file} and {html}")
    return file, html


def _show_figures(result: Result) -> None:
    shown = Shown("figure", "", "", title=f"bench {result.bench}", title_justify="left")
    shown.columns[1].justify = "right"
    for name, value in result.figures.items():
        label, unit = label_and_unit(name)
        shown.add_row(label, format_number(value), unit)
    console.print(shown)


def _show_table(table: Table) -> None:
    shown = Shown(*table.columns, title=table.title, title_justify="left")
    for position, column in enumerate(shown.columns):
        cells = [row[position] for row in table.rows]
        column.justify = "left" if any(isinstance(cell, str) for cell in cells) else "right"
        column.no_wrap = position == 0  # row names stay whole in a narrow terminal
    for row in table.rows:
        shown.add_row(*map(format_number, row))
    console.print(shown)
