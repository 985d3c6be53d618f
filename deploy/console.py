"""Output of the commands: results to stdout, errors to stderr; and the format of figures.

Text is printed as it is: what strangers wrote into a record can neither style the output nor steer the terminal, and
secrets of the settings are hidden in it.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from deploy.secrets import hide

FILE_COLUMNS = 160
"""Width for a file or a pipe: rich's 80 columns cut the names in tables."""


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_COLUMNS


class PlainConsole(Console):
    """A console for which a string is plain text, also in the cells of tables: no markup, no emoji, no controls."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - rich's own keywords, passed on
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Turn a string into a text, whatever the caller says about markup."""
        plain = options | {"markup": False, "emoji": False, "highlight": False}
        return super().render_str(visible(hide(text)), **plain)


console = PlainConsole(width=_width())
errors = PlainConsole(stderr=True)


def say(text: str) -> None:
    """Print one plain line, unwrapped."""
    console.print(text, soft_wrap=True)


def say_json(value: object) -> None:
    """Print a value as one line of JSON, without a change of any character."""
    line = hide(msgspec.json.encode(value).decode())
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a line to stderr, after the name of the program."""
    errors.print(f"sentinel: {text}", soft_wrap=True)


def visible(text: str) -> str:
    r"""Escape what a terminal would obey or not show: controls, direction marks, invisible characters, surrogates.

    >>> visible("a\x1b[31mb\u202ec")
    'a\\x1b[31mb\\u202ec'
    """
    if text.isprintable():
        return text
    return "".join(each if each == "\n" or _is_shown(each) else _escaped(each) for each in text)


def shown_bytes(value: bytes | None, limit: int) -> str:
    """The beginning of a record's value as text; bytes that are no UTF-8 are escaped.

    Args:
        value: of the record.
        limit: characters to show; a longer value ends with an ellipsis.
    """
    text = visible((value or b"")[: 4 * limit].decode(errors="backslashreplace"))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


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
