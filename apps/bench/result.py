"""What every benchmark gives: figures, tables and plots, with all that is needed to judge or repeat them.

Names of figures are words joined by underscores and end with their unit (``per_s``, ``p99_ms``, ``memory_mib``), so
that the page can put the unit beside the number; see ``apps.bench.page``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

Cell = str | float | int | None


class Machine(msgspec.Struct, kw_only=True):
    """Where it ran.

    Attributes:
        cores: that this process may use.
        cpu: model, as the kernel names it.
        memory_mib: all of it, MiB.
        load_before: load averages over 1, 5 and 15 minutes when the run began.
        load_after: likewise when it ended.
        fixed_work_before_ms: how long a fixed piece of work took when the run began; see ``apps.bench.machine_speed``.
            None in results of before it was measured.
        fixed_work_after_ms: likewise when it ended.
        kernel: release.
    """

    cores: int
    cpu: str
    memory_mib: int
    load_before: tuple[float, float, float]
    load_after: tuple[float, float, float]
    kernel: str
    fixed_work_before_ms: float | None = None
    fixed_work_after_ms: float | None = None


class Table(msgspec.Struct):
    """Rows under heads; None is shown as nothing."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]


class Plot(msgspec.Struct):
    """Lines over one axis; a plot with the title of a table stands beside it on the page.

    Attributes:
        title: what is shown.
        x: what the axis is, with its unit.
        y: likewise.
        series: by name, points in the order in which they are joined.
        log_x: whether the axis is logarithmic.
    """

    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    log_x: bool = False


class Result(msgspec.Struct, kw_only=True):
    """One run of one benchmark.

    Attributes:
        bench: its name, as on the command line.
        begun: ISO-8601, UTC.
        ended: likewise.
        options: of the command.
        settings: all settings in force.
        machine: where it ran.
        versions: of what took part, the project's commit among them.
        figures: what the run is about, the most important first.
        tables: what the figures are made of.
        plots: likewise.
        notes: what a reader must know to read them rightly, a sentence or two each.
    """

    bench: str
    begun: str
    ended: str
    options: dict[str, Any]
    settings: dict[str, Any]
    machine: Machine
    versions: dict[str, str]
    figures: dict[str, Cell]
    tables: list[Table] = []
    plots: list[Plot] = []
    notes: list[str] = []


def utc_now() -> str:
    """ISO-8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_json(result: Result, file: Path) -> None:
    """Write a result, indented, with one line end at the end."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def read_json(file: Path) -> Result:
    """Read what ``write_json`` wrote.

    Raises:
        msgspec.ValidationError: it is no result.
    """
    return msgspec.json.decode(file.read_bytes(), type=Result)
