"""Conditions over a whole batch: each name is a column, each operation one call of numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from udfs.conditions.codes import code_of
from udfs.conditions.grammar import Vocabulary, parse_condition
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

Floats = NDArray[np.float64]
Columns = Callable[[Floats], Floats]
Condition = Callable[[Floats], NDArray[np.bool_]]

_ARITHMETIC: Mapping[str, np.ufunc] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FUNCTIONS: Mapping[str, np.ufunc] = {"abs": np.abs, "log": np.log, "min": np.minimum, "max": np.maximum}
# A comparison with NaN is false in numpy, which is what is wanted, apart from != (see _comparison).
_COMPARISONS: Mapping[str, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}


def compile_condition(text: str, names: Sequence[str] | Mapping[str, int]) -> Condition:
    """Compile a condition once, to be asked for every batch.

    Args:
        text: of the condition.
        names: of the columns, in order; or the number of each by its name, which is quicker for many conditions.

    Returns:
        A function of a matrix (n, len(names)) with NaN where a value is absent; it gives (n,) of bool.

    Raises:
        ConditionError: with the place of the fault.
    """
    columns = names if isinstance(names, Mapping) else {name: column for column, name in enumerate(names)}
    return compile_columns(parse_condition(text, Vocabulary(columns)), columns)


def compile_columns(tree: Truth, columns: Mapping[str, int]) -> Condition:
    """Likewise of a condition that is read already and refers to no other event; texts are in columns as codes.

    Args:
        tree: the condition.
        columns: the number of each by its name.
    """
    condition = _truth(tree, columns)

    def evaluate(matrix: Floats) -> NDArray[np.bool_]:
        found = condition(matrix)
        # A constant condition gives one value for all rows.
        return found if found.ndim else np.broadcast_to(found, len(matrix))

    return evaluate


def _truth(node: Truth, columns: Mapping[str, int]) -> Condition:
    match node:
        case Comparison():
            return _comparison(node, columns)
        case IsAbsent(value):
            inner = _value(value, columns)
            return lambda matrix: np.isnan(inner(matrix))
        case Not(part):
            contrary = _truth(part, columns)
            return lambda matrix: ~contrary(matrix)
        case Junction(operator, parts):
            join = np.logical_and if operator == "and" else np.logical_or
            first, *others = (_truth(part, columns) for part in parts)
            return _joined(join, first, others)


def _joined(join: np.ufunc, first: Condition, others: Sequence[Condition]) -> Condition:
    def evaluate(matrix: Floats) -> NDArray[np.bool_]:
        found = first(matrix)
        for other in others:
            found = join(found, other(matrix))
        return found

    return evaluate


def _comparison(node: Comparison, columns: Mapping[str, int]) -> Condition:
    left, right = _value(node.left, columns), _value(node.right, columns)
    if node.operator == "!=":
        # NaN differs from everything, and an absent value from nothing.
        return lambda matrix: np.less(a := left(matrix), b := right(matrix)) | np.greater(a, b)
    compare = _COMPARISONS[node.operator]
    return lambda matrix: compare(left(matrix), right(matrix))


def _value(node: Value, columns: Mapping[str, int]) -> Columns:
    match node:
        case Number(value):
            constant = np.array(value, np.float64)  # of no dimension: it goes with every column
            return lambda _: constant
        case Text(text):
            code = np.array(code_of(text))
            return lambda _: code
        case Name(name):
            column = columns[name]
            return lambda matrix: matrix[:, column]
        case Reference():
            raise TypeError("a column knows its own event only")
        case Arithmetic(operator, left, right):
            return _applied(_ARITHMETIC[operator], _value(left, columns), _value(right, columns))
        case Call(function, arguments):
            return _applied(_FUNCTIONS[function], *(_value(argument, columns) for argument in arguments))


def _applied(function: np.ufunc, *arguments: Columns) -> Columns:
    def evaluate(matrix: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result: Floats = function(*(argument(matrix) for argument in arguments))
        return result

    return evaluate
