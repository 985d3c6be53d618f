"""The text of a condition: its lines, tokens and characters, and errors with their position."""

from __future__ import annotations

import ast
import re

from udfs.records.normal_form import is_legible

MAX_CHARACTERS = 2_000
MAX_TOKENS = 200_000
"""Maximum number of tokens in all conditions of a set: 40 in each of 5,000 rules. It bounds the work per payment."""
TOO_MANY_TOKENS = f"the conditions of a set have at most {MAX_TOKENS} words and signs in all"
_TOKEN = re.compile(r"""'[^'\n]*'|"[^"\n]*"|[\w.]+|[^\w.\s]""")
_BRACKET_OR_NON_ASCII = re.compile(r"[()]|[^\x00-\x7f]")


class ConditionError(Exception):
    """A text that is no valid condition.

    Attributes:
        message: description of the error without its position.
        line: line of the error, from 1.
        column: column of the error, from 1.
    """

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


def count_tokens(text: str) -> int:
    """Count the words, numbers, texts, brackets and signs of a condition; an operator of two signs counts twice."""
    return len(_TOKEN.findall(text))


def split_lines(text: str) -> list[str]:
    """Split a condition into lines as Python counts them.

    Also checks that what is not quoted is ASCII, and that its brackets balance, so that it cannot close the bracket
    around it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    opened: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        for found in _BRACKET_OR_NON_ASCII.finditer(_blank_texts(line, number)):
            character, column = found[0], found.start() + 1
            if not character.isascii():
                raise ConditionError(f"unexpected character {character!r}", number, column)
            if character == "(":
                opened.append((number, column))
            elif character == ")":
                if not opened:
                    raise ConditionError("unmatched closing bracket", number, column)
                opened.pop()
    if opened:
        raise ConditionError("unclosed bracket", *opened[-1])
    return lines


def _blank_texts(line: str, number: int) -> str:
    """A line up to its comment, with its quoted texts replaced by spaces."""
    blanked: list[str] = []
    quote = ""
    for column, character in enumerate(line, 1):
        if quote and (character == "\\" or not is_legible(character)):
            raise ConditionError(f"a text cannot contain {character!r}", number, column)
        if not quote and character == "#":
            break
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote:
            blanked.append(character)
            continue
        blanked.append(" ")
    if quote:
        raise ConditionError("unterminated text", number, len(line) + 1)
    return "".join(blanked)


def error_at(line: int, offset: int, message: str) -> ConditionError:
    """The error at an offset in a line of the text in brackets that Python parses."""
    # The added bracket shifts the columns of the first line by one.
    return ConditionError(message, line, max(1, offset + (0 if line == 1 else 1)))


def error_at_node(node: ast.expr, lines: list[str], message: str) -> ConditionError:
    """The error at a node, whose offset counts bytes."""
    line = ("(" if node.lineno == 1 else "") + lines[node.lineno - 1]
    return error_at(node.lineno, len(line.encode(errors="surrogatepass")[: node.col_offset].decode()), message)
