"""The syntax tree of a condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text constant: a country, a channel, an id."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A feature or field of the event."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A feature or field of an earlier step of the same match: ``login.country``."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``, where the operator is one of + - * /."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a numeric function."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``, where the operator is one of < <= > >= == !=; false if a side is absent."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class IsAbsent:
    """``is_absent(value)``."""

    value: Expression


@dataclass(frozen=True, slots=True)
class IsMember:
    """``value in (members)``, or ``not in`` if negated; false if the value is absent."""

    value: Expression
    members: tuple[Number | Text, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Junction:
    """Predicates joined by ``and`` or by ``or``."""

    operator: str
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a predicate."""

    part: Predicate


Expression: TypeAlias = Number | Text | Name | Reference | Arithmetic | Call
Predicate: TypeAlias = Comparison | IsAbsent | IsMember | Junction | Not


def leaves(node: Predicate | Expression) -> Iterator[Number | Text | Name | Reference]:
    """Every constant, name and reference in a tree."""
    match node:
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            yield from leaves(left)
            yield from leaves(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from leaves(argument)
        case IsAbsent(value):
            yield from leaves(value)
        case IsMember(value, members):
            yield from leaves(value)
            yield from members
        case Junction(_, parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def conjuncts(node: Predicate) -> Iterator[Predicate]:
    """The predicates whose conjunction a predicate is; the predicate itself if it is no conjunction."""
    if isinstance(node, Junction) and node.operator == "and":
        for part in node.parts:
            yield from conjuncts(part)
    else:
        yield node


def conjunction(parts: tuple[Predicate, ...]) -> Predicate | None:
    """Join predicates by ``and``; None for no predicates, which always holds."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Junction("and", parts)
