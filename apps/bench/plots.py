"""Plots as SVG, to stand inside a page."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib import ticker
from matplotlib.figure import Figure

from apps.bench.result import Plot

COLOURS = ("#1f5fa8", "#d9622b", "#2e8b57", "#8a4fa3", "#b8860b", "#c0392b", "#3aa6a6", "#555555")
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and the page's font applies
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#9aa4b2",
    "axes.labelcolor": "#3b4654",
    "xtick.color": "#3b4654",
    "ytick.color": "#3b4654",
}
_MARKED_UP_TO = 25  # points; with more of them, marks hide the line


def svg(plot: Plot) -> str:
    """The plot as an ``<svg>`` element, without its title."""
    # A salt of its own: ids of two plots on one page must not meet.
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
                marker="o" if len(points) <= _MARKED_UP_TO else "",
                markersize=4,
            )
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
    """The element alone, without a size, so that it is as wide as where it stands."""
    element = document[document.index("<svg") :]
    head, rest = element.split(">", 1)
    return re.sub(r'\s(?:width|height)="[^"]*"', "", head) + ">" + rest
