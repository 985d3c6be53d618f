"""Rows that cannot be sent: each has a place and a reason, and a summary counts them by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

_SHOWN = 3
"""Rows named for each reason; the others are counted."""
_DETAIL_CHARACTERS = 200


class FileError(Exception):
    """A file cannot be replayed; the message gives the reason and what to change."""


class BadRow(NamedTuple):
    """A row that cannot be sent.

    Attributes:
        number: of the row, from 1; a header is not counted.
        line: of the file, from 1; None in Parquet.
        reason: ``row_malformed``, ``value_unreadable``, ``label_unreadable``, or the code by which the job refuses it.
        column: column or text with columns that cannot be read; None if it is the row as a whole.
        detail: the fault, for a person.
    """

    number: int
    line: int | None
    reason: str
    column: str | None
    detail: str

    def __str__(self) -> str:
        line = "" if self.line is None else f" (line {self.line})"
        column = "" if self.column is None else f", {self.column}"
        # Foreign text may hold line ends and control characters.
        detail = "".join(each if each.isprintable() else "?" for each in self.detail[:_DETAIL_CHARACTERS])
        return f"row {self.number}{line}{column}: {detail}"


OnBadRow = Callable[[BadRow], None]


def refuse(row: BadRow) -> None:
    """Refuse a file for its first bad row.

    Raises:
        FileError: always.
    """
    raise FileError(str(row))


class BadRows:
    """Counts bad rows by reason and column, and keeps the first of each; memory does not grow with the file."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._first: dict[tuple[str, str | None], list[BadRow]] = {}

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, row: BadRow) -> None:
        """Count a row."""
        kind = (row.reason, row.column)
        self._counts[kind] += 1
        first = self._first.setdefault(kind, [])
        if len(first) < _SHOWN:
            first.append(row)

    def by_reason(self) -> dict[str, int]:
        """Number of rows by reason, the most frequent first."""
        totals: Counter[str] = Counter()
        for (reason, _), count in self._counts.items():
            totals[reason] += count
        return dict(totals.most_common())

    def lines(self) -> list[str]:
        """One line for each reason and column with its number of rows, and one for each of its first rows."""
        lines: list[str] = []
        for kind, count in self._counts.most_common():
            reason, column = kind
            lines.append(f"  {count:,} {reason}" + ("" if column is None else f" in {column}"))
            lines += [f"    {row}" for row in self._first[kind]]
        return lines
