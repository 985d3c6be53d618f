"""A set of rules, evaluated over whole batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from state.kernel.jit import compiled
from udfs.conditions import Conditions, RowHits
from udfs.conditions.tree import Truth
from udfs.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule and its condition, as it was read."""

    rule: Rule
    condition: Truth


class RuleHits:
    """Which rules spoke in which row.

    Attributes:
        additions: (n,) what the rules together add to the score.
    """

    __slots__ = ("_ends", "_rules", "_spoke", "additions")

    def __init__(self, rules: Sequence[Rule], found: RowHits, additions: NDArray[np.float64]) -> None:
        self._rules = rules
        self._spoke: list[int] = found.numbers.tolist()
        self._ends: list[int] = found.ends.tolist()
        self.additions = additions

    def of_row(self, row: int) -> Sequence[Rule]:
        """The rules that spoke, in the order of the set."""
        return self._between(self._ends[row - 1] if row else 0, self._ends[row])

    def by_row(self) -> list[Sequence[Rule]]:
        """The same of all rows."""
        return [self._between(begin, end) for begin, end in pairwise((0, *self._ends))]

    def _between(self, begin: int, end: int) -> Sequence[Rule]:
        return [self._rules[number] for number in self._spoke[begin:end]] if begin < end else ()


@compiled
def _add_up(
    numbers: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.float64],
    additions: NDArray[np.float64],
) -> None:
    begin = 0
    for row in range(ends.shape[0]):
        total = 0.0
        for spoke in range(begin, ends[row]):
            total += weights[numbers[spoke]]
        additions[row] = total
        begin = ends[row]


class RuleSet:
    """Rules of one version.

    Args:
        version: of the set.
        rules: enabled or not.
        columns: the number of each feature's column, by its name.
    """

    def __init__(self, version: int, rules: Sequence[ReadRule], columns: Mapping[str, int]) -> None:
        self.version = version
        self.all = tuple(one.rule for one in rules)
        active = [one for one in rules if one.rule.enabled]
        self.rules = tuple(one.rule for one in active)
        self._conditions = Conditions([one.condition for one in active], columns)
        self._weights = np.array([rule.add or 0.0 for rule in self.rules])

    def evaluate(self, features: NDArray[np.float64]) -> RuleHits:
        """Ask every enabled rule about every row.

        Args:
            features: (n, F) in the order of the names the rules were loaded with, NaN where absent.
        """
        found = self._conditions.ask(features)
        additions = np.empty(len(features))
        _add_up(found.numbers, found.ends, self._weights, additions)
        return RuleHits(self.rules, found, additions)
