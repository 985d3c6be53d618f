"""The slow and obviously right evaluation of a condition: one row at a time, in plain Python, absent being NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping

from udfs.conditions import code_of
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


def holds(condition: Predicate, row: Mapping[str, float]) -> bool:
    """Whether the condition is true of the row."""
    match condition:
        case Comparison(operator, left, right):
            return _compares(operator, value_of(left, row), value_of(right, row))
        case IsAbsent(value):
            return math.isnan(value_of(value, row))
        case Not(part):
            return not holds(part, row)
        case Junction("and", parts):
            return all(holds(part, row) for part in parts)
        case Junction(_, parts):
            return any(holds(part, row) for part in parts)


def value_of(value: Expression, row: Mapping[str, float]) -> float:
    """What the value is in the row; NaN when it is absent or cannot be computed.

    What belongs to an earlier step stands in the row under its name with a dot: ``login.country``.
    """
    match value:
        case Number(number):
            return number
        case Text(text):
            return code_of(text)
        case Reference(step, name):
            return row.get(f"{step}.{name}", math.nan)
        case Name(name):
            return row[name]
        case Arithmetic(operator, left, right):
            return _computed(operator, value_of(left, row), value_of(right, row))
        case Call(function, arguments):
            return _called(function, [value_of(argument, row) for argument in arguments])


def _compares(operator: str, left: float, right: float) -> bool:
    if math.isnan(left) or math.isnan(right):
        return False
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right
    return left != right


def _computed(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right != 0:
        return left / right
    if math.isnan(left) or left == 0:
        return math.nan
    return math.copysign(math.inf, left)


def _called(function: str, arguments: list[float]) -> float:
    if any(math.isnan(argument) for argument in arguments):
        return math.nan
    match function:
        case "abs":
            return abs(arguments[0])
        case "min":
            return min(arguments)
        case "max":
            return max(arguments)
    (of,) = arguments
    if of < 0:
        return math.nan
    return math.log(of) if of > 0 else -math.inf


def text_of(tree: Predicate | Expression) -> str:
    """The tree as somebody would write it who trusts no precedence."""
    match tree:
        case Number(value):
            return repr(value)
        case Text(text):
            return repr(text)
        case Name(name):
            return name
        case Reference(step, name):
            return f"{step}.{name}"
        case Arithmetic(operator, left, right) | Comparison(operator, left, right):
            return f"({text_of(left)} {operator} {text_of(right)})"
        case Call(function, arguments):
            return f"{function}({', '.join(text_of(argument) for argument in arguments)})"
        case IsAbsent(value):
            return f"is_absent({text_of(value)})"
        case Not(part):
            return f"(not {text_of(part)})"
        case Junction(operator, parts):
            return "(" + f"\n {operator} ".join(text_of(part) for part in parts) + ")"
