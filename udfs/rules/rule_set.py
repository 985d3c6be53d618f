"""A set of rules, evaluated over whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import Condition
from udfs.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its condition, ready to be asked."""

    rule: Rule
    condition: Condition


class RuleHits:
    """Which rules spoke in which row.

    Attributes:
        matrix: (R, n) of bool.
        additions: (n,) what the rules together add to the score.
    """

    __slots__ = ("_any", "_rules", "additions", "matrix")

    def __init__(self, rules: Sequence[Rule], matrix: NDArray[np.bool_], additions: NDArray[np.float64]) -> None:
        self._rules = rules
        self.matrix = matrix
        self.additions = additions
        self._any: list[bool] = matrix.any(axis=0).tolist()

    def of_row(self, row: int) -> Sequence[Rule]:
        """The rules that spoke, in the order of the set."""
        if not self._any[row]:
            return ()
        return [self._rules[index] for index in self.matrix[:, row].nonzero()[0]]


class RuleSet:
    """Rules of one version.

    Args:
        version: of the set.
        rules: enabled or not.
    """

    def __init__(self, version: int, rules: Sequence[CompiledRule]) -> None:
        self.version = version
        self.all = tuple(compiled.rule for compiled in rules)
        active = [compiled for compiled in rules if compiled.rule.enabled]
        self.rules = tuple(compiled.rule for compiled in active)
        self._conditions = [compiled.condition for compiled in active]
        self._additions = np.array([rule.add or 0.0 for rule in self.rules])

    def evaluate(self, features: NDArray[np.float64]) -> RuleHits:
        """Ask every enabled rule about every row.

        Args:
            features: (n, F) in the order of the names the rules were loaded with, NaN where absent.
        """
        matrix = np.empty((len(self.rules), len(features)), np.bool_)
        for index, condition in enumerate(self._conditions):
            matrix[index] = condition(features)
        additions: NDArray[np.float64] = np.matmul(self._additions, matrix)
        return RuleHits(self.rules, matrix, additions)
