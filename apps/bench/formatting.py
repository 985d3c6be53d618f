"""Format names and numbers of results, the same way in the terminal and on the page."""

from __future__ import annotations

import re

from apps.bench.result import Cell

# Longest suffix first: ``_per_s`` also ends with ``_s``.
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
    """Split the name of a figure into label and unit: ``decided_per_s`` into ``decided`` and ``/s``."""
    for suffix, unit in UNITS.items():
        if f"_{name}".endswith(suffix):
            return _words(name.removesuffix(suffix.removeprefix("_")).rstrip("_")) or "rate", unit
    return _words(name), ""


def _words(name: str) -> str:
    # Between digits an underscore is a decimal point: p99_9.
    return re.sub(r"(?<=\d)_(?=\d)", ".", name).replace("_", " ")


def format_number(value: Cell) -> str:
    """Format with thousands separators and three significant digits; None is empty, text is unchanged."""
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
