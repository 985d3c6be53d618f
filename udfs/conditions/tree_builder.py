"""Build the tree of a condition from Python's syntax tree; any syntax that is not listed here is an error."""

from __future__ import annotations

import ast
import difflib
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from udfs.conditions.derived_names import MetadataOf, MetadataUse, OnList, Prefix
from udfs.conditions.tree import (
    Arithmetic,
    Call,
    Comparison,
    Expression,
    IsAbsent,
    IsMember,
    Junction,
    Name,
    Not,
    Number,
    Predicate,
    Reference,
    Text,
)
from udfs.conditions.vocabulary import FUNCTIONS, MAX_PREFIX, TESTS, Vocabulary

MAX_DEPTH = 20
_LIST_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@dataclass(frozen=True, slots=True)
class _MetadataValue:
    """A value of metadata before it is known what it is compared with."""

    key: str


_Side = Expression | _MetadataValue


class NodeError(Exception):
    """An error at a node of Python's tree."""

    def __init__(self, node: ast.expr, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message


class TreeBuilder:
    """Builds the tree of one condition with the names of a vocabulary; raises ``NodeError``."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._names = {*vocabulary.numbers, *vocabulary.texts}
        self._texts = frozenset(vocabulary.texts)
        self._steps = vocabulary.steps
        self._has_texts = bool(self._texts) or vocabulary.metadata

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
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if function in TESTS:
                return self._test(node, function, arguments, depth)
        raise self._error(node, "expected a comparison, such as `amount > 500`")

    def _test(self, node: ast.Call, function: str, arguments: list[ast.expr], depth: int) -> Predicate:
        self._check_arity(node, function, TESTS[function], arguments)
        tested = self._side(arguments[0], depth + 1)
        if function == "is_absent":
            return IsAbsent(_as(tested, MetadataUse.ANY))
        value = _as(tested, MetadataUse.TEXT)
        if not isinstance(value, Name) or not (isinstance(tested, _MetadataValue) or self._is_text(value)):
            raise self._error(arguments[0], "starts_with looks at the name of a text, such as user_id")
        match arguments[1]:
            case ast.Constant(value=str() as text) if 0 < len(text) <= MAX_PREFIX:
                text = unicodedata.normalize("NFC", text)
                return Comparison("==", Name(str(Prefix(value.name, len(text)))), Text(text))
        raise self._error(arguments[1], f"starts_with looks for a text in quotes of 1 to {MAX_PREFIX} characters")

    def _comparison(self, node: ast.Compare, depth: int) -> Predicate:
        if any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops):
            return self._membership(node, depth)
        sides = [self._side(side, depth + 1) for side in (node.left, *node.comparators)]
        found: list[Predicate] = []
        for number, operator in enumerate(node.ops):
            symbol = _COMPARISONS.get(type(operator))
            if symbol is None:
                raise self._error(node, "the comparison operators are < <= > >= == != in, not in")
            left, right = self._pair(node, sides[number], sides[number + 1])
            self._check_texts(node, symbol, left, right)
            nodes = (node.left, *node.comparators)[number : number + 2]
            left, right = self._literal(nodes[0], left, right), self._literal(nodes[1], right, left)
            found.append(Comparison(symbol, left, right))
        return found[0] if len(found) == 1 else Junction("and", tuple(found))

    def _pair(self, node: ast.expr, left: _Side, right: _Side) -> tuple[Expression, Expression]:
        """Both sides of a comparison; a value of metadata is read as the other side is."""
        if isinstance(left, _MetadataValue) and isinstance(right, _MetadataValue):
            raise self._error(node, "compare a value of metadata with a text, a number or a name of either")
        return _as(left, self._use(right)), _as(right, self._use(left))

    def _use(self, other: _Side) -> MetadataUse:
        return MetadataUse.TEXT if self._is_text(other) else MetadataUse.NUMBER

    def _literal(self, node: ast.expr, side: Expression, other: Expression) -> Expression:
        """A side of a comparison; a text in quotes in the normal form of the name on the other side."""
        if not isinstance(side, Text) or not isinstance(other, Name | Reference):
            return side
        try:
            return Text(self._vocabulary.literal(other.name, side.value))
        except ValueError as error:
            raise self._error(node, str(error)) from None

    def _membership(self, node: ast.Compare, depth: int) -> Predicate:
        if len(node.ops) > 1:
            raise self._error(node, "`in` is not chained: join comparisons by `and`")
        (operator,), (container,) = node.ops, node.comparators
        value, negated = self._side(node.left, depth + 1), isinstance(operator, ast.NotIn)
        match container:
            case ast.Call(func=ast.Name(id="list"), args=arguments, keywords=[]):
                return self._on_list(node, value, arguments, negated=negated)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if elements:
                members = [(element, self.expression(element, depth + 1)) for element in elements]
            case ast.Constant():
                members = [(container, self.expression(container, depth + 1))]
            case _:
                raise self._error(container, "`in` needs constants, such as ('web', 'pos'), or list('name')")
        tested = _as(value, self._use(members[0][1]))
        chosen: list[Number | Text] = []
        for element, member in members:
            if not isinstance(member, Number | Text):
                raise self._error(element, "only numbers and texts in quotes can follow `in`")
            self._check_texts(element, "==", tested, member)
            literal = self._literal(element, member, tested)
            chosen.append(literal if isinstance(literal, Text) else member)
        return IsMember(tested, tuple(chosen), negated)

    def _on_list(self, node: ast.Compare, value: _Side, arguments: list[ast.expr], *, negated: bool) -> Predicate:
        listed = self._vocabulary.listed
        if not listed:
            raise self._error(node, "lists can be tested in rules only")
        if not isinstance(value, Name) or value.name not in listed:
            raise self._error(node.left, f"a list is looked up for {', '.join(sorted(listed))}")
        match arguments:
            case [ast.Constant(value=str() as name)] if _LIST_NAME.fullmatch(name):
                member = Name(str(OnList(name, listed[value.name])))
                return Comparison("==", member, Number(0.0 if negated else 1.0))
        raise self._error(node.comparators[0], "list takes the name of a list in quotes, such as list('vip')")

    def _check_texts(self, node: ast.expr, symbol: str, left: Expression, right: Expression) -> None:
        texts = self._is_text(left) + self._is_text(right)
        if texts == 1:
            raise self._error(node, "a text can be compared with a text only, and a number with a number only")
        if texts and symbol not in ("==", "!="):
            raise self._error(node, "texts are compared with == and != only")

    def _is_text(self, value: _Side) -> bool:
        if isinstance(value, Name | Reference):
            return value.name in self._texts or value.name.endswith(f":{MetadataUse.TEXT}")
        return isinstance(value, Text)

    def _numeric(self, node: ast.expr, depth: int) -> Expression:
        value = _as(self._side(node, depth), MetadataUse.NUMBER)
        if self._is_text(value):
            raise self._error(node, "cannot calculate with a text")
        return value

    def _side(self, node: ast.expr, depth: int) -> _Side:
        """A side of a comparison, or an operand."""
        if self._vocabulary.metadata:
            match node:
                case ast.Attribute(value=ast.Name(id="metadata"), attr=key):
                    return _MetadataValue(key)
                case ast.Subscript(value=ast.Name(id="metadata"), slice=ast.Constant(value=str() as key)):
                    return _MetadataValue(key)
                case ast.Name(id="metadata"):
                    raise self._error(node, "write metadata.name, or metadata['a name']")
        return self.expression(node, depth)

    def expression(self, node: ast.expr, depth: int) -> Expression:
        self._check_depth(node, depth)
        match node:
            case ast.Constant(value=bool()):
                raise self._error(node, "a flag is 1 or 0, not True or False")
            case ast.Constant(value=int() | float() as number):
                return self._number(node, number)
            case ast.Constant(value=str() as text) if self._has_texts:
                return Text(text)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if not isinstance(
                number, bool
            ):
                return self._number(node, -number)
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
        if function in TESTS:
            raise self._error(node, f"{function} is a comparison of its own, not a value")
        arity = FUNCTIONS.get(function)
        if arity is None:
            known = ", ".join(sorted({*FUNCTIONS, *TESTS}))
            raise self._error(node, f"unknown function {function!r}; there are {known}")
        self._check_arity(node, function, arity, arguments)
        return Call(function, tuple(self._numeric(argument, depth + 1) for argument in arguments))

    def _check_arity(self, node: ast.Call, function: str, arity: int, arguments: list[ast.expr]) -> None:
        if len(arguments) != arity:
            raise self._error(node, f"{function} takes {arity} argument{'s' * (arity > 1)}, not {len(arguments)}")

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error(node, f"conditions nest at most {MAX_DEPTH} levels deep")

    @staticmethod
    def _error(node: ast.expr, message: str) -> NodeError:
        return NodeError(node, message)


def _as(side: _Side, use: MetadataUse) -> Expression:
    """A side as an expression; a value of metadata is read for this use."""
    return Name(str(MetadataOf(side.key, use))) if isinstance(side, _MetadataValue) else side


def _suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; do you mean {close[0]!r}?" if close else ""
