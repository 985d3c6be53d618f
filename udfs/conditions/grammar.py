"""The language of conditions: what may be said, and the tree it becomes.

Comparison, arithmetic, ``and``, ``or``, ``not``, five functions, numbers, and the names that the caller knows. Python's
own parser reads the text, and nothing of it is ever run: what is not listed here is refused, with line and column.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

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
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A feature or field."""

    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right`` with + - * /."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Call:
    """A function of numbers."""

    function: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right`` with < <= > >= == !=; false when a side is absent."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class IsAbsent:
    """Whether a value is not there."""

    value: Value


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions joined by ``and`` or by ``or``."""

    operator: str
    parts: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Truth


Value: TypeAlias = Number | Name | Arithmetic | Call
Truth: TypeAlias = Comparison | IsAbsent | Junction | Not

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


def parse_condition(text: str, names: Collection[str]) -> Truth:
    """Read a condition.

    Args:
        text: at most ``CHARACTERS`` long, nested at most ``DEPTH`` deep.
        names: that it may use.

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
    return _Reader(names).truth(tree.body, 0)


def _lines(text: str) -> list[str]:
    """The lines, as Python counts them, of a text in ASCII whose brackets are its own: it stands in another's."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    opened: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        for found in _BRACKET_OR_FOREIGN.finditer(line.partition("#")[0]):
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


def _at(line: int, offset: int, message: str) -> ConditionError:
    # The bracket in front moves the first line by one.
    return ConditionError(message, line, max(1, offset + (0 if line == 1 else 1)))


class _Reader:
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

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
            found.append(Comparison(symbol, left, right))
        return found[0] if len(found) == 1 else Junction("and", tuple(found))

    def value(self, node: ast.expr, depth: int) -> Value:
        self._check_depth(node, depth)
        match node:
            case ast.Constant(value=bool()):
                raise self._fault(node, "a flag is 1 or 0 here, not True or False")
            case ast.Constant(value=int() | float() as number):
                return self._number(node, number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Arithmetic("-", Number(0.0), self.value(operand, depth + 1))
            case ast.Name(id=name):
                if name not in self._names:
                    raise self._fault(node, f"there is nothing called {name!r} here{self._close_to(name)}")
                return Name(name)
            case ast.BinOp(op=op, left=left, right=right):
                symbol = _ARITHMETIC.get(type(op))
                if symbol is None:
                    raise self._fault(node, "arithmetic is + - * /")
                return Arithmetic(symbol, self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                return self._call(node, function, arguments, depth)
        raise self._fault(node, "a number, a name or a calculation is wanted here")

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
        return Call(function, tuple(self.value(argument, depth + 1) for argument in arguments))

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > DEPTH:
            raise self._fault(node, f"conditions nest at most {DEPTH} deep")

    def _close_to(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._names, n=1)
        return f"; do you mean {close[0]!r}?" if close else ""

    @staticmethod
    def _fault(node: ast.expr, message: str) -> ConditionError:
        return _at(node.lineno, node.col_offset, message)
