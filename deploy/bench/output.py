"""Results of benchmarks: begun with the settings in force, shown in the terminal, kept as JSON and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as Shown

from apps.bench.formatting import label_and_unit, number
from apps.bench.recording import Recording
from apps.bench.result import Result, Table, write_json
from deploy.console import console, say
from deploy.paths import RUN
from flink_jobs.settings import Settings

FOLDER = RUN / "bench"
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for the JSON and the HTML of the result; empty: .run/bench.")
]


def recording(bench: str, settings: Settings, options: Mapping[str, Any]) -> Recording:
    """Begin a run: to be called before the first thing is measured."""
    return Recording(bench, options, settings.model_dump(mode="json"), RUN / "jars")


def show(result: Result, out: Path | None = None) -> tuple[Path, Path]:
    """Print figures, tables and notes, and write the result down; returns the paths of JSON and HTML."""
    _show_figures(result)
    for table in result.tables:
        _show_table(table)
    for note in result.notes:
        say(f"· {note}")
    machine = result.machine
    say(
        f"· The machine took {machine.fixed_work_before_ms} ms for a fixed piece of work before, and "
        f"{machine.fixed_work_after_ms} ms afterwards: compare runs with that in mind."
    )
    from apps.bench.page import page  # noqa: PLC0415 - half a second that no other command should pay

    folder = out or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Colons of the time are no part of a good file name.
    name = f"{result.bench}-{result.begun[:19].replace(':', '').replace('-', '')}"
    file, html = folder / f"{name}.json", folder / f"{name}.html"
    write_json(result, file)
    html.write_text(page(result))
    say(f"written to {file} and {html}")
    return file, html


def _show_figures(result: Result) -> None:
    shown = Shown("figure", "", "", title=f"bench {result.bench}", title_justify="left")
    shown.columns[1].justify = "right"
    for name, value in result.figures.items():
        label, unit = label_and_unit(name)
        shown.add_row(label, number(value), unit)
    console.print(shown)


def _show_table(table: Table) -> None:
    shown = Shown(*table.columns, title=table.title, title_justify="left")
    for position, column in enumerate(shown.columns):
        cells = [row[position] for row in table.rows]
        column.justify = "left" if any(isinstance(cell, str) for cell in cells) else "right"
        column.no_wrap = position == 0  # names of rows, in a narrow terminal as well
    for row in table.rows:
        shown.add_row(*map(number, row))
    console.print(shown)
