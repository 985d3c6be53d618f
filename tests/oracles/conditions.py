"""Oracle of conditions: it evaluates one row at a time in plain Python; an absent value is NaN."""

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
    IsMember,
    Junction,
    Name,
    Not,
    Number,
    Predicate,
    Reference,
    Text,
)


def holds(condition: Predicate, row: Mapping[str, float]) -> bool:
    """Whether the condition holds for the row."""
    match condition:
        case Comparison(operator, left, right):
            return _compares(operator, value_of(left, row), value_of(right, row))
        case IsAbsent(value):
            return math.isnan(value_of(value, row))
        case IsMember(value, members, negated):
            found = [_compares("==", value_of(value, row), value_of(member, row)) for member in members]
            return not any(found) and not math.isnan(value_of(value, row)) if negated else any(found)
        case Not(part):
            return not holds(part, row)
        case Junction("and", parts):
            return all(holds(part, row) for part in parts)
        case Junction(_, parts):
            return any(holds(part, row) for part in parts)


def value_of(value: Expression, row: Mapping[str, float]) -> float:
    """Evaluate a value in the row; NaN if it is absent or cannot be computed.

    The row holds a value of an earlier step under the step's name and a dot: ``login.country``.
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
    (argument,) = arguments
    if argument < 0:
        return math.nan
    return math.log(argument) if argument > 0 else -math.inf


def text_of(tree: Predicate | Expression) -> str:
    """Write the tree with parentheses around every operation."""
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
        case IsMember(value, members, negated):
            listed = ", ".join(text_of(member) for member in members)
            return f"({text_of(value)} {'not in' if negated else 'in'} ({listed},))"
        case Not(part):
            return f"(not {text_of(part)})"
        case Junction(operator, parts):
            return "(" + f"\n {operator} ".join(text_of(part) for part in parts) + ")"
