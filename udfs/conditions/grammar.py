"""Parse the condition language to a syntax tree.

The language has comparisons, arithmetic, ``and``, ``or``, ``not``, five functions, numbers, texts in quotes, the names
of the vocabulary, and in patterns the names of earlier steps (``login.country``). Python's parser reads the text, but
nothing is ever executed: any syntax not listed here is an error with line and column.
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
    Expression,
    IsAbsent,
    Junction,
    Name,
    Not,
    Number,
    Predicate,
    Reference,
    Text,
)

MAX_CHARACTERS = 2_000
MAX_DEPTH = 20
MAX_TOKENS = 200_000
"""Maximum number of tokens in all conditions of a set: 40 in each of 5,000 rules. It bounds the work per payment."""
TOO_MANY_TOKENS = f"the conditions of a set have at most {MAX_TOKENS} words and signs in all"

FUNCTIONS: Mapping[str, int] = {"abs": 1, "log": 1, "min": 2, "max": 2, "is_absent": 1}
"""Number of arguments by function."""


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


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a condition may use.

    Attributes:
        numbers: names of numbers and of flags, which are 1 or 0.
        texts: names of texts, which are compared with ``==`` and ``!=`` only.
        steps: the names that events of an earlier step have, by the name of the step.
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
_TOKEN = re.compile(r"[\w.]+|[^\w.\s]")
_BRACKET_OR_NON_ASCII = re.compile(r"[()]|[^\x00-\x7f]")


def count_tokens(text: str) -> int:
    """Count the words, numbers, brackets and signs of a condition; an operator of two signs counts twice."""
    return len(_TOKEN.findall(text))


def parse_condition(text: str, vocabulary: Vocabulary) -> Predicate:
    """Parse a condition.

    Args:
        text: at most ``MAX_CHARACTERS`` long and nested at most ``MAX_DEPTH`` deep.
        vocabulary: names that the condition may use.

    Raises:
        ConditionError: the text is no valid condition; gives line and column.

    >>> parse_condition("amount > 500", Vocabulary(numbers=["amount"]))
    Comparison(operator='>', left=Name(name='amount'), right=Number(value=500.0))
    >>> login = Vocabulary(numbers=["amount"], texts=["country"], steps={"login": ["country"]})
    >>> parse_condition("country != login.country", login)
    Comparison(operator='!=', left=Name(name='country'), right=Reference(step='login', name='country'))
    >>> parse_condition("amuont > 500", Vocabulary(numbers=["amount"]))
    Traceback (most recent call last):
        ...
    udfs.conditions.grammar.ConditionError: line 1, column 1: unknown name 'amuont'; do you mean 'amount'?
    """
    if len(text) > MAX_CHARACTERS:
        raise ConditionError(f"a condition has at most {MAX_CHARACTERS} characters, this one {len(text)}")
    lines = _split_lines(text)
    try:
        # The brackets let a condition span several lines.
        tree = ast.parse(f"({text}\n)", mode="eval")
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        if line > len(lines):  # the error is at the closing bracket added above
            raise ConditionError("unexpected end of the condition", len(lines), len(lines[-1]) + 1) from None
        # Python suggests a tuple, which conditions do not have.
        raise _at(line, column - 1, error.msg.removesuffix(". Perhaps you forgot a comma?")) from None
    except (ValueError, MemoryError, RecursionError):
        raise ConditionError("the condition cannot be parsed") from None
    return _Parser(vocabulary).predicate(tree.body, 0)


def _split_lines(text: str) -> list[str]:
    """Split a condition into lines as Python counts them.

    Also checks that the text is ASCII and its brackets balance, so that it cannot close the bracket around it.
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
        if quote and (character == "\\" or not character.isascii()):
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


def _at(line: int, offset: int, message: str) -> ConditionError:
    # The added bracket shifts the columns of the first line by one.
    return ConditionError(message, line, max(1, offset + (0 if line == 1 else 1)))


class _Parser:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names = {*vocabulary.numbers, *vocabulary.texts}
        self._texts = frozenset(vocabulary.texts)
        self._steps = vocabulary.steps

    def predicate(self, node: ast.expr, depth: int) -> Predicate:
        self._check_depth(node, depth)
        match node:
            case ast.BoolOp(op=op, values=values):
                operator = "and" if isinstance(op, ast.And) else "or"
                return Junction(operator, tuple(self.predicate(value, depth + 1) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.predicate(operand, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call(func=ast.Name(id="is_absent"), args=[argument], keywords=[]):
                return IsAbsent(self.expression(argument, depth + 1))
        raise self._error(node, "expected a comparison, such as `amount > 500`")

    def _comparison(self, node: ast.Compare, depth: int) -> Predicate:
        sides = [self.expression(side, depth + 1) for side in (node.left, *node.comparators)]
        found: list[Predicate] = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            symbol = _COMPARISONS.get(type(operator))
            if symbol is None:
                raise self._error(node, "the comparison operators are < <= > >= == !=")
            self._check_texts(node, symbol, left, right)
            found.append(Comparison(symbol, left, right))
        return found[0] if len(found) == 1 else Junction("and", tuple(found))

    def _check_texts(self, node: ast.expr, symbol: str, left: Expression, right: Expression) -> None:
        texts = self._is_text(left) + self._is_text(right)
        if texts == 1:
            raise self._error(node, "a text can be compared with a text only, and a number with a number only")
        if texts and symbol not in ("==", "!="):
            raise self._error(node, "texts are compared with == and != only")

    def _is_text(self, value: Expression) -> bool:
        return isinstance(value, Text) or (isinstance(value, Name | Reference) and value.name in self._texts)

    def _numeric(self, node: ast.expr, depth: int) -> Expression:
        value = self.expression(node, depth)
        if self._is_text(value):
            raise self._error(node, "cannot calculate with a text")
        return value

    def expression(self, node: ast.expr, depth: int) -> Expression:
        self._check_depth(node, depth)
        match node:
            case ast.Constant(value=bool()):
                raise self._error(node, "a flag is 1 or 0, not True or False")
            case ast.Constant(value=int() | float() as number):
                return self._number(node, number)
            case ast.Constant(value=str() as text) if self._texts:
                return Text(text)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Arithmetic("-", Number(0.0), self._numeric(operand, depth + 1))
            case ast.Name(id=name):
                if name not in self._names:
                    raise self._error(node, f"unknown name {name!r}{_suggestion(name, self._names)}")
                return Name(name)
            case ast.Attribute(value=ast.Name(id=step), attr=name) if self._steps:
                return self._reference(node, step, name)
            case ast.BinOp(op=op, left=left, right=right):
                symbol = _ARITHMETIC.get(type(op))
                if symbol is None:
                    raise self._error(node, "the arithmetic operators are + - * /")
                return Arithmetic(symbol, self._numeric(left, depth + 1), self._numeric(right, depth + 1))
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                return self._call(node, function, arguments, depth)
        raise self._error(node, "expected a number, a name or a calculation")

    def _reference(self, node: ast.expr, step: str, name: str) -> Reference:
        names = self._steps.get(step)
        if names is None:
            raise self._error(node, f"no earlier step is named {step!r}{_suggestion(step, self._steps)}")
        if name not in names:
            raise self._error(node, f"events of step {step} have no {name!r}{_suggestion(name, names)}")
        return Reference(step, name)

    def _number(self, node: ast.expr, number: float) -> Number:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if math.isinf(value):
            raise self._error(node, "the number is too large")
        return Number(value)

    def _call(self, node: ast.Call, function: str, arguments: list[ast.expr], depth: int) -> Expression:
        arity = FUNCTIONS.get(function)
        if arity is None:
            raise self._error(node, f"unknown function {function!r}; there are {', '.join(sorted(FUNCTIONS))}")
        if function == "is_absent":
            raise self._error(node, "is_absent is a comparison of its own, not a value")
        if len(arguments) != arity:
            raise self._error(node, f"{function} takes {arity} argument{'s' * (arity > 1)}, not {len(arguments)}")
        return Call(function, tuple(self._numeric(argument, depth + 1) for argument in arguments))

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error(node, f"conditions nest at most {MAX_DEPTH} levels deep")

    @staticmethod
    def _error(node: ast.expr, message: str) -> ConditionError:
        return _at(node.lineno, node.col_offset, message)


def _suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; do you mean {close[0]!r}?" if close else ""
