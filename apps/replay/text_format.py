"""Find the encoding, delimiter and quote of a text file by looking at it; what is option is not looked for."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apps.replay.bad_rows import FileError

Quoting = Literal[0, 3]

_DELIMITERS = ",;\t|"
_HEAD_CHARACTERS = 1 << 16
_BLOCK_BYTES = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Marks at the beginning of a file; those of UTF-32 begin like those of UTF-16."""
_BINARY = ((b"PK\x03\x04", "a ZIP or Excel file"), (b"\x1f\x8b", "compressed"), (b"\xd0\xcf\x11\xe0", "an Excel file"))
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", r"\t": "\t", "pipe": "|", "space": " "}
_ENOUGH = 0.9
"""Share of the first rows that must have as many columns as the header."""


@dataclass(frozen=True)
class TextFormat:
    """Format of a text file as option; None is found by looking at the file.

    Attributes:
        delimiter: one character between the columns of a CSV file, or its name (``tab``, ``semicolon``).
        quote: character around columns that hold a delimiter; ``none`` if there is none.
        encoding: name of a Python codec.
    """

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class CsvLayout:
    """How a CSV file is written.

    Attributes:
        encoding: name of a Python codec.
        delimiter: between columns.
        quote: around columns; None if there is none.
        spaced: whether a space follows each delimiter.
        skipped_lines: lines before the header.
    """

    encoding: str
    delimiter: str
    quote: str | None
    spaced: bool = False
    skipped_lines: int = 0

    def note(self) -> str:
        """One sentence that says what was found or option."""
        delimiter = _NAMES.get(self.delimiter, repr(self.delimiter))
        quote = "no quotes" if self.quote is None else f"quote {self.quote}"
        return f"read as CSV: delimiter {delimiter}, {quote}, encoding {self.encoding}"

    def quoting(self) -> Quoting:
        """Constant of the csv module for the quote."""
        return csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL


def find_encoding(path: Path, option: str | None) -> str:
    """Find the encoding of a text file, and check that the whole file can be read in it.

    Text that is not UTF-8 may be in any of many encodings that look alike, so it is not guessed.

    Raises:
        FileError: the file is no text in the encoding option; none is option and it is neither UTF-8 nor has a mark.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_CHARACTERS)
    for start, kind in _BINARY:
        if head.startswith(start):
            raise FileError(f"{path} is {kind}: unpack it or save it as CSV first")
    marked = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    encoding = option or marked or "utf-8"
    try:
        name = codecs.lookup(encoding).name
        codecs.getincrementaldecoder(name)()
        if not codecs.lookup(name)._is_text_encoding:
            raise LookupError
    except LookupError:
        raise FileError(f"there is no encoding {encoding!r}: use one such as utf-8, cp1252 or utf-16") from None
    if name == "utf-8" and marked == "utf-8-sig":
        encoding = marked
    if option is None and marked is None and b"\0" in head:
        raise FileError(f"{path} has zero bytes: say --encoding utf-16-le if it is UTF-16, or it is no text")
    _check_encoding(path, encoding)
    return encoding


def _check_encoding(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                around = re.split(rb"[\r\n]", error.object[: error.start])[-1][-20:], error.object[error.start :][:20]
                text = (around[0] + re.split(rb"[\r\n]", around[1])[0]).decode("cp1252", errors="replace")
                shown = "".join(each if each.isprintable() else "?" for each in text)
                raise FileError(
                    f"{path}, line {line}: byte {error.object[error.start]:#04x} is not {encoding}; in cp1252 it reads "
                    f"{shown!r}: say --encoding cp1252 if that is right, or the encoding that is"
                ) from None
            if not block:
                return
            line += block.count(b"\n")


def find_layout(path: Path, option: TextFormat) -> CsvLayout:
    """Find how a CSV file is written.

    Raises:
        FileError: the file is empty or no text, or what is option is no delimiter or quote.
    """
    encoding = find_encoding(path, option.encoding)
    with path.open(encoding=encoding, newline="") as file:
        head = file.read(_HEAD_CHARACTERS)
    if not head.strip():
        raise FileError(f"{path} cannot be read: it is empty")
    lines = head.splitlines(keepends=True)
    # Excel writes the delimiter into a line before the header.
    named = re.fullmatch(r'"?sep=(.)"?\s*', lines[0].lower())
    if named is not None:
        lines = lines[1:]
    if len(head) == _HEAD_CHARACTERS and len(lines) > 1:
        lines = lines[:-1]
    quote = _quote(option.quote, lines)
    delimiter = _delimiter(option.delimiter) or (named[1] if named is not None else _likely_delimiter(lines, quote))
    header = next(csv.reader(lines, delimiter=delimiter, quotechar=quote, quoting=_quoting(quote)), [])
    spaced = len(header) > 1 and all(name.startswith(" ") for name in header[1:])
    return CsvLayout(encoding, delimiter, quote, spaced, int(named is not None))


def _quoting(quote: str | None) -> Quoting:
    return csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL


def _delimiter(option: str | None) -> str | None:
    if option is None:
        return None
    delimiter = _WORDS.get(option.lower(), option)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise FileError(f"the delimiter {option!r} is not one character: use one such as ; or the word tab")
    return delimiter


def _quote(option: str | None, lines: list[str]) -> str | None:
    if option is not None:
        if option.lower() in ("none", ""):
            return None
        if len(option) != 1 or option in "\r\n":
            raise FileError(f'the quote {option!r} is not one character: use one such as " or the word none')
        return option
    single = re.compile(rf"(^|[{_DELIMITERS}])'[^']*'([{_DELIMITERS}\r\n]|$)")
    apostrophes = sum(single.search(line) is not None for line in lines)
    return "'" if apostrophes * 2 > len(lines) and not any('"' in line for line in lines) else '"'


def _likely_delimiter(lines: list[str], quote: str | None) -> str:
    """Delimiter by which most rows have as many columns as the header; of several, the one with most columns."""

    def fit(delimiter: str) -> tuple[bool, int]:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, quoting=_quoting(quote))
        widths = [len(row) for row in reader if row]
        if not widths or widths[0] < 2:
            return False, 0
        return widths.count(widths[0]) >= _ENOUGH * len(widths), widths[0]

    return max(_DELIMITERS, key=fit)
