"""Conditions over a whole batch: all of a set in one call of a compiled machine.

No machine code is made when a set comes live: a condition becomes a few instructions (``udfs.conditions.assembly``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions.assembly import assemble
from udfs.conditions.grammar import Vocabulary, parse_condition
from udfs.conditions.machine import Floats, Numbers, run
from udfs.conditions.tree import Truth

Condition = Callable[[Floats], NDArray[np.bool_]]

_NOTHING: Mapping[str, float] = {}
_NONE = np.empty((0, 0))


class RowHits(NamedTuple):
    """Which conditions hold in which rows.

    Attributes:
        numbers: of the conditions that hold, row after row, ascending in each.
        ends: (n,): where those of each row end.
    """

    numbers: Numbers
    ends: Numbers


class Conditions:
    """Conditions that are asked together.

    Args:
        conditions: that refer to no other event; texts are in columns as codes.
        columns: the number of each name's column.
        known: values of names that are the same in every row.
    """

    def __init__(
        self, conditions: Sequence[Truth], columns: Mapping[str, int], known: Mapping[str, float] = _NOTHING
    ) -> None:
        self._program = assemble(conditions, columns, known)

    def ask(self, features: Floats, beside: Floats | None = None) -> RowHits:
        """Ask all of them of every row.

        Args:
            features: (n, F), NaN where a value is absent.
            beside: (n, B), columns that are numbered from F on; None for none.
        """
        ends = np.empty(len(features), np.int64)
        further = _NONE if beside is None else beside
        # Of another layout the machine would have to be compiled first.
        numbers = run(*self._program, np.ascontiguousarray(features), np.ascontiguousarray(further), ends)
        return RowHits(numbers, ends)


def compile_condition(text: str, names: Sequence[str]) -> Condition:
    """A condition by itself.

    Args:
        text: of the condition.
        names: of the columns, in order.

    Returns:
        A function of a matrix (n, len(names)) with NaN where a value is absent; it gives (n,) of bool.

    Raises:
        ConditionError: with the place of the fault.
    """
    columns = {name: column for column, name in enumerate(names)}
    conditions = Conditions([parse_condition(text, Vocabulary(columns))], columns)
    return lambda matrix: np.diff(conditions.ask(matrix).ends, prepend=0) > 0
