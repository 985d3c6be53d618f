"""The condition machine: a vectorized interpreter that evaluates all conditions of a set over a batch.

A register is a vector of floats and a flag a vector of booleans, one element per row of a block. A program is one list
of instructions for all conditions of the set; each instruction processes all rows of a block.

A rule costs 1.3 ns per payment in batches of 1,000 and 7 ns in batches of 10, independent of the number of rules. One
NumPy call per operation costs 8 and 300 ns; row-by-row evaluation with short-circuits costs 16 ns.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled

Code = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]

OPERATION, LEFT, RIGHT, TARGET = range(4)
"""Columns of the code: the operation, its two operands and its target, each a register or a flag."""
WIDTH = 4
"""Columns of the code."""

(
    LT,
    LE,
    GT,
    GE,
    EQ,
    NE,
    IS_ABSENT,
    AND,
    OR,
    NOT,
    LOAD_CONSTANT,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    ABS,
    LOG,
    MIN,
    MAX,
    IN,
    NOT_IN,
    HIT,
) = range(22)
"""Operations. ``LT`` to ``IS_ABSENT`` test registers and set a flag, ``AND`` to ``NOT`` combine flags,
``LOAD_CONSTANT`` loads constant ``RIGHT`` into a register, ``ADD`` to ``MAX`` calculate with registers, ``IN`` and
``NOT_IN`` set a flag where a register is, or is not and has a value, a member of set ``RIGHT``, and ``HIT`` records
condition ``TARGET`` for the rows in which flag ``LEFT`` is set.

A comparison with a negative ``RIGHT`` compares with a constant: -1 is the first constant."""

BLOCK = 256
"""Rows per block: few enough for all registers to stay in the CPU cache."""
_INITIAL_CAPACITY = 64


@compiled
def _compare(operation: int, left: int, right: int, target: int, registers: Floats, flags: Flags, rows: int) -> None:
    """Compare two registers; a comparison with NaN is false, including ``!=``."""
    if operation == LT:
        for row in range(rows):
            flags[target, row] = registers[left, row] < registers[right, row]
    elif operation == LE:
        for row in range(rows):
            flags[target, row] = registers[left, row] <= registers[right, row]
    elif operation == GT:
        for row in range(rows):
            flags[target, row] = registers[left, row] > registers[right, row]
    elif operation == GE:
        for row in range(rows):
            flags[target, row] = registers[left, row] >= registers[right, row]
    elif operation == EQ:
        for row in range(rows):
            flags[target, row] = registers[left, row] == registers[right, row]
    else:
        for row in range(rows):
            one, other = registers[left, row], registers[right, row]
            flags[target, row] = (one < other) | (one > other)


@compiled
def _compare_constant(
    operation: int, left: int, constant: float, target: int, registers: Floats, flags: Flags, rows: int
) -> None:
    """Compare a register with a constant; a comparison with NaN is false, including ``!=``."""
    if operation == LT:
        for row in range(rows):
            flags[target, row] = registers[left, row] < constant
    elif operation == LE:
        for row in range(rows):
            flags[target, row] = registers[left, row] <= constant
    elif operation == GT:
        for row in range(rows):
            flags[target, row] = registers[left, row] > constant
    elif operation == GE:
        for row in range(rows):
            flags[target, row] = registers[left, row] >= constant
    elif operation == EQ:
        for row in range(rows):
            flags[target, row] = registers[left, row] == constant
    else:
        for row in range(rows):
            flags[target, row] = (registers[left, row] < constant) | (registers[left, row] > constant)


@compiled
def _check_absence(left: int, target: int, registers: Floats, flags: Flags, rows: int) -> None:
    for row in range(rows):
        flags[target, row] = math.isnan(registers[left, row])


@compiled
def _combine(operation: int, left: int, right: int, target: int, flags: Flags, rows: int) -> None:
    if operation == AND:
        for row in range(rows):
            flags[target, row] = flags[left, row] & flags[right, row]
    elif operation == OR:
        for row in range(rows):
            flags[target, row] = flags[left, row] | flags[right, row]
    else:
        for row in range(rows):
            flags[target, row] = flags[left, row] ^ 1


@compiled
def _calculate(operation: int, left: int, right: int, target: int, registers: Floats, rows: int) -> None:
    """Calculate as in IEEE 754: infinities are values, and NaN in gives NaN out."""
    for row in range(rows):
        one, other = registers[left, row], registers[right, row]
        if operation == ADD:
            registers[target, row] = one + other
        elif operation == SUBTRACT:
            registers[target, row] = one - other
        elif operation == MULTIPLY:
            registers[target, row] = one * other
        elif operation == DIVIDE:
            registers[target, row] = one / other
        elif operation == ABS:
            registers[target, row] = abs(one)
        elif operation == LOG:
            registers[target, row] = math.log(one)
        elif math.isnan(one) or math.isnan(other):
            registers[target, row] = math.nan
        else:
            registers[target, row] = min(one, other) if operation == MIN else max(one, other)


@compiled
def _test_membership(
    operation: int, left: int, members: Floats, target: int, registers: Floats, flags: Flags, rows: int
) -> None:
    """Test whether values are among members, which are sorted; there is at least one."""
    for row in range(rows):
        value = registers[left, row]
        # A binary search without branches, of which half would be predicted wrongly.
        first, size = 0, members.shape[0]
        while size > 1:
            half = size >> 1
            first += half * (members[first + half - 1] < value)
            size -= half
        found = members[first] == value
        flags[target, row] = found if operation == IN else not (found or math.isnan(value))


@compiled
def _append_hits(flags: Flags, flag: int, rows: int, first: int, condition: int, hits: Ints, count: int) -> int:
    """Append a hit for each row of a block in which a condition holds, and return the number of hits."""
    for row in range(rows):
        if flags[flag, row]:
            hits[0, count], hits[1, count] = condition, first + row
            count += 1
    return count


@compiled
def _group_by_row(hits: Ints, count: int, ends: Ints) -> Ints:
    """Group hits by row, keeping their order, and write the end of each row's group to ``ends``."""
    rows = ends.shape[0]
    ends[:] = 0
    for i in range(count):
        ends[hits[1, i]] += 1
    begin = 0
    for row in range(rows):  # the begin of each group, which the loop below moves to its end
        begin, ends[row] = begin + ends[row], begin
    indices = np.empty(count, np.int64)
    for i in range(count):
        row = hits[1, i]
        indices[ends[row]] = hits[0, i]
        ends[row] += 1
    return indices


@compiled
def _load_columns(loads: Ints, features: Floats, extra: Floats, first: int, rows: int, registers: Floats) -> None:
    """Copy a block of the columns in ``loads`` into the first registers."""
    width = features.shape[1]
    for name in range(loads.shape[0]):
        column = loads[name]
        if column < width:
            for row in range(rows):
                registers[name, row] = features[first + row, column]
        else:
            for row in range(rows):
                registers[name, row] = extra[first + row, column - width]


@compiled
def _execute(
    operation: int, left: int, right: int, target: int, constants: Floats, registers: Floats, flags: Flags, rows: int
) -> None:
    """Execute one instruction other than ``IN``, ``NOT_IN`` and ``HIT`` for all rows of a block."""
    if operation == IS_ABSENT:
        _check_absence(left, target, registers, flags, rows)
    elif operation < IS_ABSENT:
        if right < 0:
            _compare_constant(operation, left, constants[-1 - right], target, registers, flags, rows)
        else:
            _compare(operation, left, right, target, registers, flags, rows)
    elif operation < LOAD_CONSTANT:
        _combine(operation, left, right, target, flags, rows)
    elif operation == LOAD_CONSTANT:
        for row in range(rows):
            registers[target, row] = constants[right]
    else:
        _calculate(operation, left, right, target, registers, rows)


@compiled
def run(
    code: Code,
    loads: Ints,
    constants: Floats,
    members: Floats,
    member_ends: Ints,
    n_registers: int,
    n_flags: int,
    features: Floats,
    extra: Floats,
    ends: Ints,
) -> Ints:
    """Evaluate all conditions of a program over all rows.

    Args:
        code: (instructions, WIDTH).
        loads: (names,): the column to load into each of the first registers. Columns of ``extra`` are numbered after
            those of ``features``.
        constants: (K,).
        members: of all sets, one after the other, sorted within a set.
        member_ends: (sets + 1,): set ``i`` lies in ``members`` from element ``i`` of this to element ``i + 1``.
        n_registers: number of registers.
        n_flags: number of flags.
        features: (n, F), NaN where a value is absent.
        extra: (n, E), further columns.
        ends: (n,), output: the end of each row's conditions in the returned array.

    Returns:
        Indices of the conditions that hold, grouped by row, ascending within a row.
    """
    rows = ends.shape[0]
    block = min(rows, BLOCK)
    registers, flags = np.empty((n_registers, block)), np.empty((n_flags, block), np.uint8)
    hits, count = np.empty((2, _INITIAL_CAPACITY), np.int64), 0
    for first in range(0, rows, BLOCK):
        size = min(BLOCK, rows - first)
        _load_columns(loads, features, extra, first, size, registers)
        for i in range(code.shape[0]):
            operation, left, right, target = code[i, OPERATION], code[i, LEFT], code[i, RIGHT], code[i, TARGET]
            if IN <= operation <= NOT_IN:
                chosen = members[member_ends[right] : member_ends[right + 1]]
                _test_membership(operation, left, chosen, target, registers, flags, size)
                continue
            if operation != HIT:
                _execute(operation, left, right, target, constants, registers, flags, size)
                continue
            if count + size > hits.shape[1]:
                larger = np.empty((2, 2 * count + size), np.int64)
                larger[:, :count] = hits[:, :count]
                hits = larger
            count = _append_hits(flags, left, size, first, target, hits, count)
    return _group_by_row(hits, count, ends)
