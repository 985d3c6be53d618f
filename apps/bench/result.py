"""Result of a benchmark: figures, tables and plots, and everything needed to judge or repeat the run.

Names of figures are words joined by underscores, and end with their unit (``per_s``, ``p99_ms``, ``memory_mib``); see
``apps.bench.formatting``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

Cell = str | float | int | None


class Machine(msgspec.Struct, kw_only=True):
    """Machine of a run, and its load and speed at both ends.

    Attributes:
        cores: number of cores this process may use.
        cpu: model name from the kernel.
        memory_mib: total memory, MiB.
        load_before: load averages over 1, 5 and 15 minutes when the run began.
        load_after: load averages when it ended.
        fixed_work_before_ms: CPU time of a fixed piece of work when the run began, see ``apps.bench.machine_speed``;
            None where it was not measured.
        fixed_work_after_ms: CPU time of the same work when the run ended.
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
    """Rows under column names; None is an empty cell."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]


class Plot(msgspec.Struct):
    """Lines or bars; on the page it stands next to the table of the same title, if there is one.

    Attributes:
        title: heading.
        x: label of the x axis, with its unit.
        y: label of the y axis, with its unit.
        series: points of each line, in the order in which they are joined, by name.
        log_x: whether the x axis is logarithmic.
        bars: names of horizontal bars from the top; the points of a series are then place and length.
        shaded: stretches of the x axis, from and to, that are shaded.
    """

    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    log_x: bool = False
    bars: list[str] = []
    shaded: list[tuple[float, float]] = []


class Result(msgspec.Struct, kw_only=True):
    """One run of one benchmark.

    Attributes:
        bench: name of the benchmark, as on the command line.
        begun: beginning, ISO-8601, UTC.
        ended: end, ISO-8601, UTC.
        options: options of the command.
        settings: all settings.
        machine: machine, and its load and speed at both ends.
        versions: versions of the dependencies, and the project's commit.
        figures: main results, the most important first.
        tables: details behind the figures.
        plots: the same as lines.
        notes: how to read the result, a sentence or two each.
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
    """Return the time now, ISO-8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_json(result: Result, file: Path) -> None:
    """Write a result as indented JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def read_json(file: Path) -> Result:
    """Read a file written by ``write_json``.

    Raises:
        msgspec.ValidationError: it is not a result.
    """
    return msgspec.json.decode(file.read_bytes(), type=Result)
