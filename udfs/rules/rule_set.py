"""Evaluate a set of rules over a batch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from state.kernel.jit import compiled
from udfs.conditions import RowHits
from udfs.conditions.tree import Comparison, Name, Number, Predicate, conjunction
from udfs.rules.rule import Mode, Rule
from udfs.vocabulary.payment_conditions import PaymentBatch, PaymentConditions

_EVENT_TIME = Name("event_time")


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """A rule and its parsed condition."""

    rule: Rule
    condition: Predicate

    @property
    def condition_in_time(self) -> Predicate:
        """The condition, and that the event time is one at which the rule holds."""
        bounds = ((">=", self.rule.valid_from), ("<", self.rule.valid_until))
        held = [Comparison(symbol, _EVENT_TIME, Number(float(time))) for symbol, time in bounds if time is not None]
        return conjunction((*held, self.condition)) or self.condition


class RuleHits:
    """The rules that fired in each row.

    Attributes:
        additions: (n,), sum of ``add`` over the active rules that fired.
    """

    __slots__ = ("_active", "_ends", "_hits", "_rules", "additions")

    def __init__(self, rules: Sequence[Rule], active: int, hits: RowHits, additions: NDArray[np.float64]) -> None:
        self._rules = rules
        self._active = active
        self._hits: list[int] = hits.indices.tolist()
        self._ends: list[int] = hits.ends.tolist()
        self.additions = additions

    def of_row(self, row: int) -> Sequence[Rule]:
        """The active rules that fired in a row, in the order of the set."""
        begin, end = self._bounds(row)
        return self._between(begin, self._first_in_shadow(begin, end))

    def by_row(self) -> list[Sequence[Rule]]:
        """The active rules that fired, for all rows."""
        if self._active == len(self._rules):
            return [self._between(begin, end) for begin, end in pairwise((0, *self._ends))]
        return [self.of_row(row) for row in range(len(self._ends))]

    def in_shadow(self) -> dict[int, Sequence[Rule]]:
        """The rules in shadow that fired, by row; only rows in which one did."""
        if self._active == len(self._rules):
            return {}
        found: dict[int, Sequence[Rule]] = {}
        for row, (begin, end) in enumerate(pairwise((0, *self._ends))):
            first = self._first_in_shadow(begin, end)
            if first < end:
                found[row] = self._between(first, end)
        return found

    def _bounds(self, row: int) -> tuple[int, int]:
        return self._ends[row - 1] if row else 0, self._ends[row]

    def _first_in_shadow(self, begin: int, end: int) -> int:
        """Where the rules in shadow begin among the hits of a row: they are numbered after the active ones."""
        return bisect_left(self._hits, self._active, begin, end)

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

    Active rules and those in shadow are evaluated together, in one pass.

    Args:
        version: version of the set.
        rules: all rules, whatever their mode.
        columns: column number by feature name.

    Attributes:
        version: version of the set.
        all: all rules, whatever their mode.
        rules: the active rules.
        shadow: the rules in shadow.
    """

    def __init__(self, version: int, rules: Sequence[ParsedRule], columns: Mapping[str, int]) -> None:
        self.version = version
        self.all = tuple(parsed.rule for parsed in rules)
        active, shadow = ([each for each in rules if each.rule.mode is mode] for mode in (Mode.ACTIVE, Mode.SHADOW))
        self.rules = tuple(parsed.rule for parsed in active)
        self.shadow = tuple(parsed.rule for parsed in shadow)
        self._evaluated = (*self.rules, *self.shadow)
        self._conditions = PaymentConditions([parsed.condition_in_time for parsed in (*active, *shadow)], columns)
        self._weights = np.array([rule.add or 0.0 for rule in self.rules] + [0.0] * len(shadow))

    @property
    def fields(self) -> Sequence[str]:
        """The fields of payments that the rules use beside features."""
        return self._conditions.fields

    def evaluate(self, features: NDArray[np.float64], payments: Sequence[Any] = ()) -> RuleHits:
        """Evaluate every rule that is not off in every row.

        Args:
            features: (n, F), columns in the order of the names the rules were loaded with; NaN where absent.
            payments: the n payments; may be left out if no rule uses ``fields``.
        """
        hits = self._conditions.evaluate(features, PaymentBatch(payments))
        additions = np.empty(len(features))
        _sum_weights(hits.indices, hits.ends, self._weights, additions)
        return RuleHits(self._evaluated, len(self.rules), hits, additions)
