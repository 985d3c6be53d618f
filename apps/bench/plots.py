"""Render plots as inline SVG."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib import ticker
from matplotlib.figure import Figure

from apps.bench.result import Plot

COLOURS = ("#1f5fa8", "#d9622b", "#2e8b57", "#8a4fa3", "#b8860b", "#c0392b", "#3aa6a6", "#555555")
BAND = "#f3d9a4"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's font
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#9aa4b2",
    "axes.labelcolor": "#3b4654",
    "xtick.color": "#3b4654",
    "ytick.color": "#3b4654",
}
_MAX_MARKERS = 25  # with more points, markers hide the line


def render_svg(plot: Plot) -> str:
    """Render a plot as an ``<svg>`` element, without its title."""
    # One salt per plot, so that the ids of two plots on a page differ.
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": plot.title}):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.add_subplot()
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
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick))
        axes.set_xlabel(plot.x)
        axes.set_ylabel(plot.y)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if _has_negative(plot) else 0.0)
        axes.grid(color="#e4e8ee", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if len(plot.series) > 1:
            axes.legend(frameon=False, fontsize=9)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _inline(text.getvalue())


def _tick(value: float, _: object) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"


def _has_negative(plot: Plot) -> bool:
    return any(y < 0 for points in plot.series.values() for _, y in points)


def _inline(document: str) -> str:
    """Return the ``<svg>`` element without width and height, so that it fills its container."""
    element = document[document.index("<svg") :]
    head, rest = element.split(">", 1)
    return re.sub(r'\s(?:width|height)="[^"]*"', "", head) + ">" + rest
