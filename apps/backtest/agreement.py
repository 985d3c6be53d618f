"""Compares decisions of a backtest with those that the job recorded, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

NOT_COMPARED = frozenset({"decided_at"})
"""Fields that say when and where, not what, was decided."""
_EXAMPLES = 5


class FieldDifference(msgspec.Struct, kw_only=True):
    """A field of a payment's decision that differs."""

    transaction_id: str
    field: str
    recorded: Any
    backtest: Any


class Agreement(msgspec.Struct, kw_only=True):
    """Outcome of a comparison.

    Attributes:
        compared: payments that both decided.
        equal: of them, with all fields equal.
        not_recorded: payments that only the backtest decided.
        fields: number of payments by field that differs.
        examples: some differences of each field.
    """

    compared: int = 0
    equal: int = 0
    not_recorded: int = 0
    fields: dict[str, int] = {}
    examples: list[FieldDifference] = []


class DecisionComparison:
    """Compares decisions as they come.

    Args:
        recorded: decisions of the job, by user and transaction id.
    """

    def __init__(self, recorded: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        self._recorded = recorded
        self._fields: Counter[str] = Counter()
        self.agreement = Agreement()

    def add(self, decisions: Iterable[bytes]) -> None:
        """Compare encoded decisions of the backtest."""
        agreement = self.agreement
        for encoded in decisions:
            decision = msgspec.json.decode(encoded, type=dict[str, Any])
            recorded = self._recorded.get((decision["user_id"], decision["transaction_id"]))
            if recorded is None:
                agreement.not_recorded += 1
                continue
            agreement.compared += 1
            names = differing_fields(recorded, decision)
            agreement.equal += not names
            for name in names:
                self._fields[name] += 1
                if self._fields[name] <= _EXAMPLES:
                    agreement.examples.append(
                        FieldDifference(
                            transaction_id=decision["transaction_id"],
                            field=name,
                            recorded=recorded.get(name),
                            backtest=decision.get(name),
                        )
                    )
        agreement.fields = dict(self._fields.most_common())


def differing_fields(recorded: Mapping[str, Any], decision: Mapping[str, Any]) -> list[str]:
    """Names of the fields that differ. Features are compared where both carry them: the job may sample them."""
    names = [name for name in {**recorded, **decision} if name not in NOT_COMPARED]
    return [
        name
        for name in names
        if recorded.get(name) != decision.get(name)
        and not (name == "features" and not (recorded.get(name) and decision.get(name)))
    ]
