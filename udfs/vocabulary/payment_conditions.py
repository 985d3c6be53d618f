"""Evaluate conditions over features and fields on a batch of payments.

Fields are read only if a condition uses them, and only for the payments for which the features alone do not exclude
every such condition. A set of conditions without fields costs nothing more than the condition machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import ConditionSet, RowHits, code_of
from udfs.conditions.tree import Name, Predicate, conjunction, conjuncts, leaves
from udfs.records.transaction import Transaction, reread_transaction
from udfs.vocabulary.derived import payment_field
from udfs.vocabulary.field import EventField, ReadFrom
from udfs.vocabulary.payment_fields import KIND, TRANSACTION

Floats = NDArray[np.float64]
_CONSTANTS = {KIND.name: code_of(TRANSACTION)}
"""Values of names that are the same for every payment."""


def names_in(condition: Predicate) -> set[str]:
    """The names of features and fields of the event itself that a condition uses."""
    return {leaf.name for leaf in leaves(condition) if isinstance(leaf, Name)}


class PaymentBatch:
    """The payments of a batch, whose records are decoded at most once and only where they are needed.

    Args:
        payments: transactions, or payments of stage messages.
    """

    def __init__(self, payments: Sequence[Any]) -> None:
        self.payments = payments
        self._records: dict[int, Transaction] = {}

    def value(self, field: EventField, row: int) -> float:
        """The value of a field of a payment."""
        return field.read(self.payments[row] if field.source is ReadFrom.CARRIED else self._record(row))

    def _record(self, row: int) -> Any:  # noqa: ANN401 - a transaction, whose times may be as they came
        payment = self.payments[row]
        if isinstance(payment, Transaction):
            return payment
        if row not in self._records:
            self._records[row] = reread_transaction(payment.value)
        return self._records[row]


class PaymentConditions:
    """Conditions that are evaluated together on payments.

    Args:
        conditions: without references to other events.
        features: column number by name of the feature.

    Attributes:
        fields: names of the fields that the conditions use.
    """

    def __init__(self, conditions: Sequence[Predicate], features: Mapping[str, int]) -> None:
        self._features = features
        names = {name for one in conditions for name in names_in(one)}
        self.fields = tuple(sorted(names - features.keys() - _CONSTANTS.keys()))
        self._fields = [payment_field(name) for name in self.fields]
        columns = {**features, **{name: column for column, name in enumerate(self.fields, len(features))}}
        self._conditions = ConditionSet(conditions, columns, _CONSTANTS)
        with_fields = [one for one in conditions if not names_in(one).isdisjoint(self.fields)]
        self._prefilter = self._feature_prefilter(with_fields)

    def evaluate(self, features: Floats, batch: PaymentBatch) -> RowHits:
        """Evaluate every condition on every payment.

        Args:
            features: (n, F), NaN where absent.
            batch: the n payments; they are not looked at if no condition uses fields.
        """
        return self._conditions.evaluate(features, self._columns(features, batch) if self._fields else None)

    def _feature_prefilter(self, conditions: Sequence[Predicate]) -> ConditionSet | None:
        """The parts of conditions that use features only, of which each one is necessary for its condition.

        None if a condition has no such part: then any payment may satisfy it.
        """
        known = self._features.keys() | _CONSTANTS.keys()
        parts = [conjunction(tuple(part for part in conjuncts(one) if names_in(part) <= known)) for one in conditions]
        necessary = [part for part in parts if part is not None]
        if len(necessary) < len(parts):
            return None
        return ConditionSet(necessary, self._features, _CONSTANTS)

    def _columns(self, features: Floats, batch: PaymentBatch) -> Floats:
        """Read the fields, (n, fields), of the payments that may be hits; the rows of the others are NaN."""
        columns = np.full((len(batch.payments), len(self._fields)), np.nan)
        rows: Sequence[int] = range(len(batch.payments))
        if self._prefilter is not None:
            ends = self._prefilter.evaluate(features).ends
            rows = np.flatnonzero(np.diff(ends, prepend=0)).tolist()
        if rows:
            columns[rows] = [[batch.value(field, row) for field in self._fields] for row in rows]
        return columns
