"""Render a result as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from apps.bench import plots
from apps.bench.formatting import format_number, label_and_unit
from apps.bench.result import Cell, Plot, Result

TEMPLATE = "page.html"


def render_page(result: Result) -> str:
    """Render figures, then tables with their plots, then machine, versions and settings."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": format_number, "svg": _svg, "pretty": _pretty}
    environment.globals |= {"numeric": _numeric, "label_and_unit": label_and_unit}
    titles = {table.title for table in result.tables}
    return environment.get_template(TEMPLATE).render(
        result=result,
        plot_of_table={plot.title: plot for plot in result.plots if plot.title in titles},
        other_plots=[plot for plot in result.plots if plot.title not in titles],
        machine=_machine(result),
    )


def _svg(plot: Plot) -> Markup:
    return Markup(plots.render_svg(plot))


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _numeric(rows: Sequence[Sequence[Cell]], column: int) -> bool:
    """Return whether a column has only numbers, which are aligned right."""
    cells = [row[column] for row in rows if row[column] is not None]
    return bool(cells) and all(isinstance(cell, int | float) for cell in cells)


def _machine(result: Result) -> list[tuple[str, Cell]]:
    found = result.machine
    return [
        ("cores", str(found.cores)),
        ("cpu", found.cpu),
        ("memory", f"{found.memory_mib:,} MiB"),
        ("load average before", ", ".join(f"{load:.2f}" for load in found.load_before)),
        ("load average after", ", ".join(f"{load:.2f}" for load in found.load_after)),
        ("fixed work before, ms", found.fixed_work_before_ms),
        ("fixed work after, ms", found.fixed_work_after_ms),
        ("kernel", found.kernel),
    ]
