"""The language of conditions: what may be said, and the tree it becomes.

Comparison, arithmetic, ``and``, ``or``, ``not``, five functions, numbers, texts in quotes, the names that the caller
knows, and in a pattern those of earlier steps (``login.country``). Python's own parser reads the text, and nothing of
it is ever run: what is not listed here is refused, with line and column.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from udfs.conditions.tree import (
    Arithmetic,
    Call,
    Comparison,
    IsAbsent,
    Junction,
    Name,
    Not,
    Number,
    Reference,
    Text,
    Truth,
    Value,
)

CHARACTERS = 2_000
DEPTH = 20

FUNCTIONS: Mapping[str, int] = {"abs": 1, "log": 1, "min": 2, "max": 2, "is_absent": 1}
"""Functions and how many arguments they take."""


class ConditionError(Exception):
    """A condition that cannot be understood.

    Attributes:
        line: of the fault, counted from 1.
        column: of the fault, counted from 1.
    """

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a condition may use.

    Attributes:
        numbers: of what is a number, or a flag of 1 and 0.
        texts: of what is text: it is compared with ``==`` and ``!=`` only.
        steps: of each earlier step that may be referred to, the names that its events have.
    """

    numbers: Collection[str]
    texts: Collection[str] = ()
    steps: Mapping[str, Collection[str]] = field(default_factory=dict)


_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_BRACKET_OR_FOREIGN = re.compile(r"[()]|[^\x00-\x7f]")


def parse_condition(text: str, vocabulary: Vocabulary) -> Truth:
    """Read a condition.

    Args:
        text: at most ``CHARACTERS`` long, nested at most ``DEPTH`` deep.
        vocabulary: what it may speak of.

    Raises:
        ConditionError: with the place of the fault.
    """
    if len(text) > CHARACTERS:
        raise ConditionError(f"a condition has at most {CHARACTERS} characters, this one {len(text)}")
    lines = _lines(text)
    try:
        # In brackets a condition may go over several lines.
        tree = ast.parse(f"({text}\n)", mode="eval")
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        if line > len(lines):  # the bracket that was put there: something is missing at the end
            raise ConditionError("something is missing at the end", len(lines), len(lines[-1]) + 1) from None
        # Python would have a tuple there; here there is none.
        raise _at(line, column - 1, error.msg.removesuffix(". Perhaps you forgot a comma?")) from None
    except (ValueError, MemoryError, RecursionError):
        raise ConditionError("cannot be read") from None
    return _Reader(vocabulary).truth(tree.body, 0)


def _lines(text: str) -> list[str]:
    """The lines, as Python counts them, of a text in ASCII whose brackets are its own: it stands in another's."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    opened: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        for found in _BRACKET_OR_FOREIGN.finditer(_without_texts(line, number)):
            character, column = found[0], found.start() + 1
            if not character.isascii():
                raise ConditionError(f"{character!r} has no meaning here", number, column)
            if character == "(":
                opened.append((number, column))
            elif character == ")":
                if not opened:
                    raise ConditionError("this bracket closes none that is open", number, column)
                opened.pop()
    if opened:
        raise ConditionError("this bracket is never closed", *opened[-1])
    return lines


def _without_texts(line: str, number: int) -> str:
    """The line up to a comment, with spaces where texts in quotes stand."""
    shown: list[str] = []
    quote = ""
    for column, character in enumerate(line, 1):
        if quote and (character == "\\" or not character.isascii()):
            raise ConditionError(f"{character!r} cannot be in a text", number, column)
        if not quote and character == "#":
            break
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote:
            shown.append(character)
            continue
        shown.append(" ")
    if quote:
        raise ConditionError("the text is never closed", number, len(line) + 1)
    return "".join(shown)


def _at(line: int, offset: int, message: str) -> ConditionError:
    # The bracket in front moves the first line by one.
    return ConditionError(message, line, max(1, offset + (0 if line == 1 else 1)))


class _Reader:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names = {*vocabulary.numbers, *vocabulary.texts}
        self._texts = frozenset(vocabulary.texts)
        self._steps = vocabulary.steps

    def truth(self, node: ast.expr, depth: int) -> Truth:
        self._check_depth(node, depth)
        match node:
            case ast.BoolOp(op=op, values=values):
                operator = "and" if isinstance(op, ast.And) else "or"
                return Junction(operator, tuple(self.truth(value, depth + 1) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.truth(operand, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call(func=ast.Name(id="is_absent"), args=[argument], keywords=[]):
                return IsAbsent(self.value(argument, depth + 1))
        raise self._fault(node, "a comparison is wanted here, such as `amount > 500`")

    def _comparison(self, node: ast.Compare, depth: int) -> Truth:
        sides = [self.value(side, depth + 1) for side in (node.left, *node.comparators)]
        found: list[Truth] = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            symbol = _COMPARISONS.get(type(operator))
            if symbol is None:
                raise self._fault(node, "comparisons are < <= > >= == !=")
            self._check_texts(node, symbol, left, right)
            found.append(Comparison(symbol, left, right))
        return found[0] if len(found) == 1 else Junction("and", tuple(found))

    def _check_texts(self, node: ast.expr, symbol: str, left: Value, right: Value) -> None:
        texts = self._is_text(left) + self._is_text(right)
        if texts == 1:
            raise self._fault(node, "a text can be compared with a text only, and a number with a number")
        if texts and symbol not in ("==", "!="):
            raise self._fault(node, "texts are compared with == and != only")

    def _is_text(self, value: Value) -> bool:
        return isinstance(value, Text) or (isinstance(value, Name | Reference) and value.name in self._texts)

    def _calculable(self, node: ast.expr, depth: int) -> Value:
        value = self.value(node, depth)
        if self._is_text(value):
            raise self._fault(node, "one cannot calculate with a text")
        return value

    def value(self, node: ast.expr, depth: int) -> Value:
        self._check_depth(node, depth)
        match node:
            case ast.Constant(value=bool()):
                raise self._fault(node, "a flag is 1 or 0 here, not True or False")
            case ast.Constant(value=int() | float() as number):
                return self._number(node, number)
            case ast.Constant(value=str() as text) if self._texts:
                return Text(text)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Arithmetic("-", Number(0.0), self._calculable(operand, depth + 1))
            case ast.Name(id=name):
                if name not in self._names:
                    raise self._fault(node, f"there is nothing called {name!r} here{_close_to(name, self._names)}")
                return Name(name)
            case ast.Attribute(value=ast.Name(id=step), attr=name) if self._steps:
                return self._reference(node, step, name)
            case ast.BinOp(op=op, left=left, right=right):
                symbol = _ARITHMETIC.get(type(op))
                if symbol is None:
                    raise self._fault(node, "arithmetic is + - * /")
                return Arithmetic(symbol, self._calculable(left, depth + 1), self._calculable(right, depth + 1))
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                return self._call(node, function, arguments, depth)
        raise self._fault(node, "a number, a name or a calculation is wanted here")

    def _reference(self, node: ast.expr, step: str, name: str) -> Reference:
        names = self._steps.get(step)
        if names is None:
            raise self._fault(node, f"no earlier step is called {step!r}{_close_to(step, self._steps)}")
        if name not in names:
            raise self._fault(node, f"the events of {step} have nothing called {name!r}{_close_to(name, names)}")
        return Reference(step, name)

    def _number(self, node: ast.expr, number: float) -> Number:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if math.isinf(value):
            raise self._fault(node, "the number is too large")
        return Number(value)

    def _call(self, node: ast.Call, function: str, arguments: list[ast.expr], depth: int) -> Value:
        wanted = FUNCTIONS.get(function)
        if wanted is None or function == "is_absent":
            raise self._fault(node, f"{function!r} is no function here; there are {', '.join(sorted(FUNCTIONS))}")
        if len(arguments) != wanted:
            raise self._fault(node, f"{function} takes {wanted} argument{'s' * (wanted > 1)}, not {len(arguments)}")
        return Call(function, tuple(self._calculable(argument, depth + 1) for argument in arguments))

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > DEPTH:
            raise self._fault(node, f"conditions nest at most {DEPTH} deep")

    @staticmethod
    def _fault(node: ast.expr, message: str) -> ConditionError:
        return _at(node.lineno, node.col_offset, message)


def _close_to(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; do you mean {close[0]!r}?" if close else ""
