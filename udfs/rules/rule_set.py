"""Evaluate a set of rules over a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from state.kernel.jit import compiled
from udfs.conditions import ConditionSet, RowHits
from udfs.conditions.tree import Predicate
from udfs.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """A rule and its parsed condition."""

    rule: Rule
    condition: Predicate


class RuleHits:
    """The rules that fired in each row.

    Attributes:
        additions: (n,), sum of ``add`` over the rules that fired.
    """

    __slots__ = ("_ends", "_hits", "_rules", "additions")

    def __init__(self, rules: Sequence[Rule], hits: RowHits, additions: NDArray[np.float64]) -> None:
        self._rules = rules
        self._hits: list[int] = hits.indices.tolist()
        self._ends: list[int] = hits.ends.tolist()
        self.additions = additions

    def of_row(self, row: int) -> Sequence[Rule]:
        """The rules that fired in a row, in the order of the set."""
        return self._between(self._ends[row - 1] if row else 0, self._ends[row])

    def by_row(self) -> list[Sequence[Rule]]:
        """The rules that fired, for all rows."""
        return [self._between(begin, end) for begin, end in pairwise((0, *self._ends))]

    def _between(self, begin: int, end: int) -> Sequence[Rule]:
        return [self._rules[index] for index in self._hits[begin:end]] if begin < end else ()


@compiled
def _sum_weights(
    indices: NDArray[np.int64],
    ends: NDArray[np.int64],
    weights: NDArray[np.float64],
    additions: NDArray[np.float64],
) -> None:
    """Sum the weights of the hits of each row into ``additions``."""
    begin = 0
    for row in range(ends.shape[0]):
        total = 0.0
        for hit in range(begin, ends[row]):
            total += weights[indices[hit]]
        additions[row] = total
        begin = ends[row]


class RuleSet:
    """An immutable, versioned set of rules.

    Args:
        version: version of the set.
        rules: all rules, including disabled ones.
        columns: column number by feature name.

    Attributes:
        version: version of the set.
        all: all rules, including disabled ones.
        rules: the enabled rules.
    """

    def __init__(self, version: int, rules: Sequence[ParsedRule], columns: Mapping[str, int]) -> None:
        self.version = version
        self.all = tuple(parsed.rule for parsed in rules)
        enabled = [parsed for parsed in rules if parsed.rule.enabled]
        self.rules = tuple(parsed.rule for parsed in enabled)
        self._conditions = ConditionSet([parsed.condition for parsed in enabled], columns)
        self._weights = np.array([rule.add or 0.0 for rule in self.rules])

    def evaluate(self, features: NDArray[np.float64]) -> RuleHits:
        """Evaluate every enabled rule in every row.

        Args:
            features: (n, F), columns in the order of the names the rules were loaded with; NaN where absent.
        """
        hits = self._conditions.evaluate(features)
        additions = np.empty(len(features))
        _sum_weights(hits.indices, hits.ends, self._weights, additions)
        return RuleHits(self.rules, hits, additions)
