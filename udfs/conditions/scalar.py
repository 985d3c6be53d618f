"""Evaluate a condition on one event and the earlier events of its match, in plain Python.

For conditions that are evaluated rarely. The result for an event equals that of ``columns`` for its row, including
infinities and absent values.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from udfs.conditions.codes import code_of
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

Values = Sequence[float]
Bindings = Sequence[Values | None]
EventPredicate = Callable[[Values, Bindings], bool]
_EventExpression = Callable[[Values, Bindings], float]

_NAN = math.nan
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    # Not operator.ne: NaN != NaN is true, but a comparison with an absent value is false.
    "!=": lambda left, right: left < right or left > right,
}


def compile_scalar(tree: Predicate, names: Mapping[str, int], steps: Mapping[str, int]) -> EventPredicate:
    """Compile a condition to a function of single events.

    Args:
        tree: tree of the condition.
        names: position of each name in an event's values; a name without a position is absent.
        steps: position of each referenced step in the bindings.

    Returns:
        A function of the event's values (NaN where absent, texts as codes) and the bindings: the values of the event
        bound to each referenced step, None for a step without one.
    """
    return _Compiler(names, steps).predicate(tree)


class _Compiler:
    def __init__(self, names: Mapping[str, int], steps: Mapping[str, int]) -> None:
        self._names = names
        self._steps = steps

    def predicate(self, node: Predicate) -> EventPredicate:
        match node:
            case Comparison(symbol, left, right):
                compare, left_of, right_of = _COMPARISONS[symbol], self.expression(left), self.expression(right)
                return lambda values, bound: compare(left_of(values, bound), right_of(values, bound))
            case IsAbsent(value):
                inner = self.expression(value)
                return lambda values, bound: math.isnan(inner(values, bound))
            case IsMember(value, members, is_negated):
                tested, codes = self.expression(value), frozenset(map(_constant, members))
                if is_negated:
                    return lambda values, bound: not ((one := tested(values, bound)) in codes or math.isnan(one))
                return lambda values, bound: tested(values, bound) in codes
            case Not(part):
                negated = self.predicate(part)
                return lambda values, bound: not negated(values, bound)
            case Junction(symbol, parts):
                predicates = tuple(self.predicate(part) for part in parts)
                if symbol == "and":
                    return lambda values, bound: all(predicate(values, bound) for predicate in predicates)
                return lambda values, bound: any(predicate(values, bound) for predicate in predicates)

    def expression(self, node: Expression) -> _EventExpression:
        match node:
            case Number() | Text():
                constant = _constant(node)
                return lambda values, bound: constant
            case Name(name):
                return self._event_value(self._names.get(name))
            case Reference(step, name):
                return self._bound_value(self._steps[step], self._names.get(name))
            case Arithmetic(symbol, left, right):
                compute, left_of, right_of = _ARITHMETIC[symbol], self.expression(left), self.expression(right)
                return lambda values, bound: compute(left_of(values, bound), right_of(values, bound))
            case Call(name, arguments):
                function, compiled = _FUNCTIONS[name], tuple(self.expression(argument) for argument in arguments)
                return lambda values, bound: function(*(argument(values, bound) for argument in compiled))

    @staticmethod
    def _event_value(index: int | None) -> _EventExpression:
        if index is None:
            return lambda values, bound: _NAN
        return lambda values, bound: values[index]

    @staticmethod
    def _bound_value(slot: int, index: int | None) -> _EventExpression:
        if index is None:
            return lambda values, bound: _NAN

        def value(_: Values, bound: Bindings) -> float:
            event = bound[slot]
            return _NAN if event is None else event[index]

        return value


def _constant(node: Number | Text) -> float:
    return code_of(node.value) if isinstance(node, Text) else node.value


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    # As in IEEE 754, the sign of the zero determines the sign of the infinity.
    return _NAN if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def _log(value: float) -> float:
    if value > 0:
        return math.log(value)
    return -math.inf if value == 0 else _NAN


def _min(one: float, other: float) -> float:
    return _NAN if math.isnan(one) or math.isnan(other) else min(one, other)


def _max(one: float, other: float) -> float:
    return _NAN if math.isnan(one) or math.isnan(other) else max(one, other)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"abs": abs, "log": _log, "min": _min, "max": _max}
