"""Evaluate a set of conditions over a batch in one call of the condition machine.

Loading a set compiles no machine code: a condition becomes a few instructions (``udfs.conditions.assembly``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.conditions.assembly import assemble
from udfs.conditions.grammar import parse_condition
from udfs.conditions.machine import Floats, Ints, run
from udfs.conditions.tree import Predicate
from udfs.conditions.vocabulary import Vocabulary

Condition = Callable[[Floats], NDArray[np.bool_]]

_NO_CONSTANTS: Mapping[str, float] = {}
_NO_COLUMNS = np.empty((0, 0))


class RowHits(NamedTuple):
    """The conditions that hold in each row, as compressed sparse rows.

    Attributes:
        indices: indices of the conditions that hold, grouped by row, ascending within a row.
        ends: (n,), the end of each row's group in ``indices``.
    """

    indices: Ints
    ends: Ints


class ConditionSet:
    """Conditions that are evaluated together.

    Args:
        conditions: conditions without references to other events. Columns hold texts as codes (``code_of``).
        columns: column number by name.
        constants: values of the names that are the same in every row.
    """

    def __init__(
        self,
        conditions: Sequence[Predicate],
        columns: Mapping[str, int],
        constants: Mapping[str, float] = _NO_CONSTANTS,
    ) -> None:
        self._program = assemble(conditions, columns, constants)

    def evaluate(self, features: Floats, extra: Floats | None = None) -> RowHits:
        """Evaluate every condition in every row.

        Args:
            features: (n, F), NaN where a value is absent.
            extra: (n, E), further columns, which are numbered from F on; None for none.
        """
        ends = np.empty(len(features), np.int64)
        extra = _NO_COLUMNS if extra is None else extra
        # The machine is compiled for contiguous arrays only; any other layout would trigger a compilation here.
        indices = run(*self._program, np.ascontiguousarray(features), np.ascontiguousarray(extra), ends)
        return RowHits(indices, ends)


def compile_condition(text: str, names: Sequence[str]) -> Condition:
    """Compile a single condition.

    Args:
        text: text of the condition.
        names: names of the columns, in order.

    Returns:
        A function of a matrix (n, len(names)), NaN where a value is absent, that returns (n,) booleans.

    Raises:
        ConditionError: the text is no valid condition; gives line and column.
    """
    columns = {name: column for column, name in enumerate(names)}
    conditions = ConditionSet([parse_condition(text, Vocabulary(columns))], columns)
    return lambda matrix: np.diff(conditions.evaluate(matrix).ends, prepend=0) > 0
