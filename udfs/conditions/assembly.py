"""Assemble condition trees into a program for ``udfs.conditions.machine``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from udfs.conditions import machine
from udfs.conditions.codes import code_of
from udfs.conditions.machine import Code, Floats, Ints
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
    Text,
    leaves,
)

_COMPARISON_OPS: Mapping[str, int] = {
    "<": machine.LT,
    "<=": machine.LE,
    ">": machine.GT,
    ">=": machine.GE,
    "==": machine.EQ,
    "!=": machine.NE,
}
_ARITHMETIC: Mapping[str, int] = {
    "+": machine.ADD,
    "-": machine.SUBTRACT,
    "*": machine.MULTIPLY,
    "/": machine.DIVIDE,
    "abs": machine.ABS,
    "log": machine.LOG,
    "min": machine.MIN,
    "max": machine.MAX,
}
_MIRRORED: Mapping[int, int] = {
    machine.LT: machine.GT,
    machine.LE: machine.GE,
    machine.GT: machine.LT,
    machine.GE: machine.LE,
}


class Program(NamedTuple):
    """A program: the arguments of ``machine.run`` that do not depend on the rows."""

    code: Code
    loads: Ints
    constants: Floats
    members: Floats
    member_ends: Ints
    n_registers: int
    n_flags: int


def assemble(conditions: Sequence[Predicate], columns: Mapping[str, int], constants: Mapping[str, float]) -> Program:
    """Assemble conditions into one program.

    Args:
        conditions: conditions without references to other events.
        columns: column number by name.
        constants: values of the names that are the same in every row.
    """
    names = {leaf.name for condition in conditions for leaf in leaves(condition) if isinstance(leaf, Name)}
    loaded = sorted(names - constants.keys())
    assembler = _Assembler({name: register for register, name in enumerate(loaded)}, constants)
    for index, condition in enumerate(conditions):
        assembler.add(index, condition)
    return assembler.program(columns)


class _Assembler:
    """Appends instructions and allocates registers and flags; the first registers hold the loaded columns."""

    def __init__(self, name_registers: Mapping[str, int], named_constants: Mapping[str, float]) -> None:
        self._name_registers = name_registers
        self._named_constants = named_constants
        self._code: list[tuple[int, int, int, int]] = []
        self._constants: dict[str, int] = {}
        self._member_sets: dict[tuple[float, ...], int] = {}
        self._registers = len(name_registers)
        self._max_registers = self._registers
        self._flags = 0
        self._max_flags = 0

    def add(self, index: int, condition: Predicate) -> None:
        """Append the instructions of a condition, and the ``HIT`` that records its index."""
        # Conditions share no intermediate results, so each one reuses the registers and flags.
        self._registers, self._flags = len(self._name_registers), 0
        self._code.append((machine.HIT, self._predicate(condition), 0, index))

    def program(self, columns: Mapping[str, int]) -> Program:
        """The program of all conditions added so far."""
        return Program(
            np.array(self._code, np.int32).reshape(-1, machine.WIDTH),
            np.array([columns[name] for name in self._name_registers], np.int64),
            np.array([float(constant) for constant in self._constants], np.float64),
            np.array([member for members in self._member_sets for member in members], np.float64),
            np.cumsum([0, *map(len, self._member_sets)], dtype=np.int64),
            self._max_registers,
            self._max_flags,
        )

    def _predicate(self, node: Predicate) -> int:
        """Append a predicate, and return its flag."""
        match node:
            case Comparison(operator, left, right):
                return self._comparison(_COMPARISON_OPS[operator], left, right)
            case IsAbsent(value):
                register = self._expression(value)
                return self._append(machine.IS_ABSENT, register, register, self._new_flag())
            case IsMember(value, members, negated):
                register = self._expression(value)
                operation = machine.NOT_IN if negated else machine.IN
                return self._append(operation, register, self._member_set(members), self._new_flag())
            case Not(part):
                flag = self._predicate(part)
                return self._append(machine.NOT, flag, flag, flag)
            case Junction(operator, parts):
                joined = self._predicate(parts[0])
                for part in parts[1:]:
                    other = self._predicate(part)
                    self._append(machine.AND if operator == "and" else machine.OR, joined, other, joined)
                    self._flags = joined + 1
                return joined

    def _comparison(self, operation: int, left: Expression, right: Expression) -> int:
        if self._constant_value(left) is not None and self._constant_value(right) is None:
            left, right, operation = right, left, _MIRRORED.get(operation, operation)
        constant, register = self._constant_value(right), self._expression(left)
        compared = self._expression(right) if constant is None else -1 - self._constant_index(constant)
        return self._append(operation, register, compared, self._new_flag())

    def _constant_value(self, node: Expression) -> float | None:
        """The value of an expression that is the same in every row; None for any other."""
        match node:
            case Number(number):
                return number
            case Text(text):
                return code_of(text)
            case Name(name):
                return self._named_constants.get(name)
        return None

    def _expression(self, node: Expression) -> int:
        """Append an expression, and return its register."""
        constant = self._constant_value(node)
        if constant is not None:
            return self._append(machine.LOAD_CONSTANT, 0, self._constant_index(constant), self._new_register())
        match node:
            case Name(name):
                return self._name_registers[name]
            case Arithmetic(operator, left, right):
                return self._arithmetic(operator, (left, right))
            case Call(function, arguments):
                return self._arithmetic(function, arguments)
        raise TypeError("a condition over a batch cannot refer to other events")

    def _arithmetic(self, name: str, arguments: Sequence[Expression]) -> int:
        registers = [self._expression(argument) for argument in arguments]
        return self._append(_ARITHMETIC[name], registers[0], registers[-1], self._new_register())

    def _append(self, operation: int, left: int, right: int, target: int) -> int:
        self._code.append((operation, left, right, target))
        return target

    def _constant_index(self, value: float) -> int:
        # Keyed by text: 0.0 and -0.0 are equal, but dividing by them gives different infinities.
        return self._constants.setdefault(repr(value), len(self._constants))

    def _member_set(self, members: Sequence[Number | Text]) -> int:
        """The index of a set of members, sorted: equal sets of several conditions are stored once."""
        values = {code_of(member.value) if isinstance(member, Text) else member.value for member in members}
        return self._member_sets.setdefault(tuple(sorted(values)), len(self._member_sets))

    def _new_register(self) -> int:
        self._registers += 1
        self._max_registers = max(self._registers, self._max_registers)
        return self._registers - 1

    def _new_flag(self) -> int:
        self._flags += 1
        self._max_flags = max(self._flags, self._max_flags)
        return self._flags - 1
