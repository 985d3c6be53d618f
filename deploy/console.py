"""Output of the commands: results to stdout, errors to stderr; and the format of figures."""

from __future__ import annotations

import os
import sys

from rich.console import Console

FILE_COLUMNS = 160
"""Width for a file or a pipe: rich's 80 columns cut the names in tables."""


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_COLUMNS


console = Console(highlight=False, width=_width())
errors = Console(stderr=True)


def say(text: str) -> None:
    """Print one plain line, without markup and unwrapped."""
    console.print(text, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Format a time span: ``0.8 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Format a number of bytes in the largest unit that leaves a figure above one: ``512 bytes``, ``1.5 MB``."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GB"
