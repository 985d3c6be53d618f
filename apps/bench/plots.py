"""Render plots as inline SVG."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from apps.bench.result import Plot

COLOURS = ("#1f5fa8", "#d9622b", "#2e8b57", "#8a4fa3", "#b8860b", "#c0392b", "#3aa6a6", "#555555")
BAND = "#f3d9a4"
_AXIS, _LABEL, _GRID = "#9aa4b2", "#3b4654", "#e4e8ee"
_VARIABLES = {_AXIS: "axis", _LABEL: "label", _GRID: "grid", BAND: "band"} | {
    colour: f"series-{number}" for number, colour in enumerate(COLOURS, 1)
}
"""Variables of ``style.css`` by the colour that they replace."""
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's font
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": _AXIS,
    "axes.labelcolor": _LABEL,
    "xtick.color": _LABEL,
    "ytick.color": _LABEL,
}
_MAX_MARKERS = 25  # with more points, markers hide the line


def render_svg(plot: Plot) -> str:
    """Render a plot as an ``<svg>`` element, without its title.

    Colours are variables of ``style.css`` where the page defines them, so that a page has a light and a dark form.
    """
    # One salt per plot, so that the ids of two plots on a page differ.
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": plot.title}):
        height = 3.4 if not plot.bars else 0.9 + 0.19 * len(plot.bars) * (1 + len(plot.series))
        figure = Figure(figsize=(6.4, height), layout="constrained")
        axes = figure.add_subplot()
        if plot.bars:
            _draw_bars(axes, plot)
        else:
            _draw_lines(axes, plot)
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick))
        axes.set_xlabel(plot.x)
        axes.set_ylabel(plot.y)
        axes.grid(color=_GRID, linewidth=0.8, axis="x" if plot.bars else "both")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if len(plot.series) > 1:
            axes.legend(frameon=False, fontsize=9, labelcolor=_LABEL)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _inline(text.getvalue())


def _draw_lines(axes: Axes, plot: Plot) -> None:
    for number, (name, points) in enumerate(plot.series.items()):
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=name,
            color=COLOURS[number % len(COLOURS)],
            linewidth=1.6,
            marker="o" if len(points) <= _MAX_MARKERS else "",
            markersize=4,
        )
    for begin, end in plot.shaded:
        axes.axvspan(begin, end, color=BAND, linewidth=0)
    if plot.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if _has_negative(plot) else 0.0)


def _draw_bars(axes: Axes, plot: Plot) -> None:
    thickness = 0.8 / max(len(plot.series), 1)
    for number, (name, points) in enumerate(plot.series.items()):
        axes.barh(
            [place + thickness * (number + 0.5) - 0.4 for place, _ in points],
            [length for _, length in points],
            thickness,
            label=name,
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set_yticks(range(len(plot.bars)), plot.bars)
    axes.set_ylim(len(plot.bars) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _tick(value: float, _: object) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"


def _has_negative(plot: Plot) -> bool:
    return any(y < 0 for points in plot.series.values() for _, y in points)


def _inline(document: str) -> str:
    """Return the ``<svg>`` element without width and height, so that it fills its container."""
    element = document[document.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, f"var(--{variable}, {colour})")
    head, rest = element.split(">", 1)
    return re.sub(r'\s(?:width|height)="[^"]*"', "", head) + ">" + rest
