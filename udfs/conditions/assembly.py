"""From conditions as trees to the instructions of ``udfs.conditions.machine``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from udfs.conditions import machine
from udfs.conditions.codes import code_of
from udfs.conditions.machine import Code, Floats, Numbers
from udfs.conditions.tree import (
    Arithmetic,
    Call,
    Comparison,
    IsAbsent,
    Junction,
    Name,
    Not,
    Number,
    Text,
    Truth,
    Value,
    leaves,
)

_COMPARISONS: Mapping[str, int] = {
    "<": machine.BELOW,
    "<=": machine.AT_MOST,
    ">": machine.ABOVE,
    ">=": machine.AT_LEAST,
    "==": machine.EQUAL,
    "!=": machine.UNEQUAL,
}
_CALCULATIONS: Mapping[str, int] = {
    "+": machine.ADD,
    "-": machine.SUBTRACT,
    "*": machine.MULTIPLY,
    "/": machine.DIVIDE,
    "abs": machine.ABSOLUTE,
    "log": machine.LOGARITHM,
    "min": machine.SMALLER,
    "max": machine.LARGER,
}


_MIRRORED: Mapping[int, int] = {
    machine.BELOW: machine.ABOVE,
    machine.AT_MOST: machine.AT_LEAST,
    machine.ABOVE: machine.BELOW,
    machine.AT_LEAST: machine.AT_MOST,
}


class Program(NamedTuple):
    """What the machine is given, but for the rows (``machine.run``)."""

    code: Code
    loads: Numbers
    constants: Floats
    registers: int
    truths: int


def assemble(conditions: Sequence[Truth], columns: Mapping[str, int], known: Mapping[str, float]) -> Program:
    """The conditions in a row, as one program.

    Args:
        conditions: that refer to no other event.
        columns: the number of each name's column.
        known: values of names that are the same in every row.
    """
    names = {leaf.name for condition in conditions for leaf in leaves(condition) if isinstance(leaf, Name)}
    assembler = _Assembler({name: place for place, name in enumerate(sorted(names - known.keys()))}, known)
    for number, condition in enumerate(conditions):
        assembler.add(number, condition)
    return assembler.program(columns)


class _Assembler:
    """Writes the instructions; ``names`` are the registers of what is loaded, which are the first."""

    def __init__(self, names: Mapping[str, int], known: Mapping[str, float]) -> None:
        self._names = names
        self._known = known
        self._code: list[tuple[int, int, int, int]] = []
        self._constants: dict[str, int] = {}
        self._registers = len(names)
        self._registers_at_most = self._registers
        self._truths = 0
        self._truths_at_most = 0

    def add(self, number: int, condition: Truth) -> None:
        """The instructions of a condition, and where it holds the note of its number."""
        # What the one before has computed is needed no more.
        self._registers, self._truths = len(self._names), 0
        self._code.append((machine.HOLDS, self._truth(condition), 0, number))

    def program(self, columns: Mapping[str, int]) -> Program:
        """All that was added."""
        return Program(
            np.array(self._code, np.int32).reshape(-1, machine.WIDTH),
            np.array([columns[name] for name in self._names], np.int64),
            np.array([float(constant) for constant in self._constants], np.float64),
            self._registers_at_most,
            self._truths_at_most,
        )

    def _truth(self, node: Truth) -> int:
        """The number of the truth that it becomes."""
        match node:
            case Comparison(operator, left, right):
                return self._comparison(_COMPARISONS[operator], left, right)
            case IsAbsent(value):
                register = self._value(value)
                return self._write(machine.IS_ABSENT, register, register, self._new_truth())
            case Not(part):
                truth = self._truth(part)
                return self._write(machine.CONTRARY, truth, truth, truth)
            case Junction(operator, parts):
                joined = self._truth(parts[0])
                for part in parts[1:]:
                    other = self._truth(part)
                    self._write(machine.BOTH if operator == "and" else machine.EITHER, joined, other, joined)
                    self._truths = joined + 1
                return joined

    def _comparison(self, operation: int, left: Value, right: Value) -> int:
        if self._fixed(left) is not None and self._fixed(right) is None:
            left, right, operation = right, left, _MIRRORED.get(operation, operation)
        fixed, register = self._fixed(right), self._value(left)
        compared = self._value(right) if fixed is None else -1 - self._constant(fixed)
        return self._write(operation, register, compared, self._new_truth())

    def _fixed(self, node: Value) -> float | None:
        """Its value, if that is the same in every row."""
        match node:
            case Number(number):
                return number
            case Text(text):
                return code_of(text)
            case Name(name):
                return self._known.get(name)
        return None

    def _value(self, node: Value) -> int:
        """The register in which the value is."""
        fixed = self._fixed(node)
        if fixed is not None:
            return self._write(machine.CONSTANT, 0, self._constant(fixed), self._new_register())
        match node:
            case Name(name):
                return self._names[name]
            case Arithmetic(operator, left, right):
                return self._calculation(operator, (left, right))
            case Call(function, arguments):
                return self._calculation(function, arguments)
        raise TypeError("a row knows its own event only")

    def _calculation(self, name: str, arguments: Sequence[Value]) -> int:
        registers = [self._value(argument) for argument in arguments]
        return self._write(_CALCULATIONS[name], registers[0], registers[-1], self._new_register())

    def _write(self, operation: int, left: int, right: int, target: int) -> int:
        self._code.append((operation, left, right, target))
        return target

    def _constant(self, value: float) -> int:
        # As text: zero and minus zero are equal, and not the same to divide by.
        return self._constants.setdefault(repr(value), len(self._constants))

    def _new_register(self) -> int:
        self._registers += 1
        self._registers_at_most = max(self._registers, self._registers_at_most)
        return self._registers - 1

    def _new_truth(self) -> int:
        self._truths += 1
        self._truths_at_most = max(self._truths, self._truths_at_most)
        return self._truths - 1
