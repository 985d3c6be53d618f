"""How names and numbers of results are spelled, in the terminal and on the page alike."""

from __future__ import annotations

import re

from apps.bench.result import Cell

# Longest first: ``per_s`` ends with ``_s`` as well.
UNITS = {
    "_per_s": "/s",
    "_percent": "%",
    "_cores": "cores",
    "_bytes": "bytes",
    "_mib": "MiB",
    "_ms": "ms",
    "_us": "us",
    "_s": "s",
}


def label_and_unit(name: str) -> tuple[str, str]:
    """What a figure is called and what it is counted in: ``decided_per_s`` is ``decided`` in ``/s``."""
    for ending, unit in UNITS.items():
        if f"_{name}".endswith(ending):
            return _words(name.removesuffix(ending.removeprefix("_")).rstrip("_")) or "rate", unit
    return _words(name), ""


def _words(name: str) -> str:
    # Between digits the underscore stands for a point: p99_9.
    return re.sub(r"(?<=\d)_(?=\d)", ".", name).replace("_", " ")


def number(value: Cell) -> str:
    """With thousands apart and three figures that count; None is empty."""
    match value:
        case None:
            return ""
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case _ if abs(value) >= 100:
            return f"{value:,.0f}"
        case _:
            return f"{value:.3g}"
