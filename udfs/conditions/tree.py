"""What a condition is made of, once it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A constant text: a country, a channel, an id."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A feature or field."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A feature or field of an earlier step of the same match: ``login.country``."""

    step: str
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


Value: TypeAlias = Number | Text | Name | Reference | Arithmetic | Call
Truth: TypeAlias = Comparison | IsAbsent | Junction | Not


def leaves(node: Truth | Value) -> Iterator[Number | Text | Name | Reference]:
    """Every constant, name and reference in it."""
    match node:
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            yield from leaves(left)
            yield from leaves(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from leaves(argument)
        case IsAbsent(value):
            yield from leaves(value)
        case Junction(_, parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def conjuncts(node: Truth) -> Iterator[Truth]:
    """The parts that all have to hold for it to hold."""
    if isinstance(node, Junction) and node.operator == "and":
        for part in node.parts:
            yield from conjuncts(part)
    else:
        yield node


def conjoined(parts: tuple[Truth, ...]) -> Truth | None:
    """All the parts joined by ``and``; None of no part, which always holds."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Junction("and", parts)
