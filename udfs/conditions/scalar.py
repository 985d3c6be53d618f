"""Conditions over one event, and over earlier ones of the same match: plain Python, for what is asked seldom.

It says of an event exactly what ``columns`` says of its row, infinities and absent values included.
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

Values = Sequence[float]
Bound = Sequence[Values | None]
Question = Callable[[Values, Bound], bool]
_Computed = Callable[[Values, Bound], float]

_NAN = math.nan
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    # Not operator.ne: NaN differs from everything, and an absent value from nothing.
    "!=": lambda left, right: left < right or left > right,
}


def compile_scalar(tree: Truth, names: Mapping[str, int], steps: Mapping[str, int]) -> Question:
    """Compile a condition once, to be asked of single events.

    Args:
        tree: of the condition.
        names: position of each name among an event's values; one that is not there is absent.
        steps: position of each step that is referred to among the bound events.

    Returns:
        A function of the event's values (NaN where absent, texts as codes) and of the values of the bound events, None
        for one that is not there.
    """
    return _Compiler(names, steps).truth(tree)


class _Compiler:
    def __init__(self, names: Mapping[str, int], steps: Mapping[str, int]) -> None:
        self._names = names
        self._steps = steps

    def truth(self, node: Truth) -> Question:
        match node:
            case Comparison(symbol, left, right):
                compare, of_left, of_right = _COMPARISONS[symbol], self.value(left), self.value(right)
                return lambda values, bound: compare(of_left(values, bound), of_right(values, bound))
            case IsAbsent(value):
                inner = self.value(value)
                return lambda values, bound: math.isnan(inner(values, bound))
            case Not(part):
                contrary = self.truth(part)
                return lambda values, bound: not contrary(values, bound)
            case Junction(symbol, parts):
                asked = tuple(self.truth(part) for part in parts)
                if symbol == "and":
                    return lambda values, bound: all(ask(values, bound) for ask in asked)
                return lambda values, bound: any(ask(values, bound) for ask in asked)

    def value(self, node: Value) -> _Computed:
        match node:
            case Number(number):
                return lambda values, bound: number
            case Text(text):
                code = code_of(text)
                return lambda values, bound: code
            case Name(name):
                return self._own(self._names.get(name))
            case Reference(step, name):
                return self._of_step(self._steps[step], self._names.get(name))
            case Arithmetic(symbol, left, right):
                compute, of_left, of_right = _ARITHMETIC[symbol], self.value(left), self.value(right)
                return lambda values, bound: compute(of_left(values, bound), of_right(values, bound))
            case Call(name, arguments):
                function, of = _FUNCTIONS[name], tuple(self.value(argument) for argument in arguments)
                return lambda values, bound: function(*(argument(values, bound) for argument in of))

    @staticmethod
    def _own(place: int | None) -> _Computed:
        if place is None:
            return lambda values, bound: _NAN
        return lambda values, bound: values[place]

    @staticmethod
    def _of_step(slot: int, place: int | None) -> _Computed:
        if place is None:
            return lambda values, bound: _NAN

        def value(_: Values, bound: Bound) -> float:
            event = bound[slot]
            return _NAN if event is None else event[place]

        return value


def _divided(left: float, right: float) -> float:
    if right:
        return left / right
    # The sign of a zero counts, as in IEEE 754.
    return _NAN if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def _log(value: float) -> float:
    if value > 0:
        return math.log(value)
    return -math.inf if value == 0 else _NAN


def _smaller(one: float, other: float) -> float:
    return _NAN if math.isnan(one) or math.isnan(other) else min(one, other)


def _larger(one: float, other: float) -> float:
    return _NAN if math.isnan(one) or math.isnan(other) else max(one, other)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"abs": abs, "log": _log, "min": _smaller, "max": _larger}
