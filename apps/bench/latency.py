"""How long decisions took, from the broker's own clock: append of the transaction to append of its decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.records import transaction_id

PERCENTILES = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class Matched:
    """Transactions beside their decisions.

    Attributes:
        sent: when each transaction was appended, epoch milliseconds, (n,), ascending.
        waited: how long its first decision took, milliseconds, (n,); NaN where there is none.
        repeated: decisions beyond the first of a transaction.
    """

    sent: NDArray[np.float64]
    waited: NDArray[np.float64]
    repeated: int

    @property
    def missing(self) -> int:
        """Transactions without a decision."""
        return int(np.isnan(self.waited).sum())

    @property
    def decided_at(self) -> NDArray[np.float64]:
        """When each first decision was appended, epoch milliseconds, in the order of the transactions."""
        decided: NDArray[np.float64] = (self.sent + self.waited)[~np.isnan(self.waited)]
        return decided

    def between(self, start_ms: float, end_ms: float) -> Matched:
        """Those sent from ``start_ms`` to before ``end_ms``."""
        chosen = (self.sent >= start_ms) & (self.sent < end_ms)
        return Matched(self.sent[chosen], self.waited[chosen], 0)

    def percentiles(self) -> dict[str, float]:
        """Milliseconds that a share of the decisions took at most: ``p50`` and so on, and ``max``."""
        known = self.waited[~np.isnan(self.waited)]
        if not len(known):
            return {}
        found = {f"p{each:g}": float(np.percentile(known, each, method="higher")) for each in PERCENTILES}
        return found | {"max": float(known.max())}


def identified(records: Iterable[tuple[bytes, int]]) -> list[tuple[str, int]]:
    """Transaction id and append time of records (value, append time in epoch milliseconds)."""
    return [(transaction_id(value), appended) for value, appended in records]


def match(transactions: Iterable[tuple[str, float]], decisions: Iterable[tuple[str, int]]) -> Matched:
    """Put decisions beside transactions, each an id and an append time."""
    sent: dict[str, float] = {}
    for name, appended in transactions:
        sent.setdefault(name, appended)
    decided_at, repeated = first(decisions)
    order = sorted(sent, key=sent.__getitem__)
    times = np.array([sent[name] for name in order], np.float64)
    decided = np.array([decided_at.get(name, np.nan) for name in order], np.float64)
    return Matched(times, decided - times, repeated)


def first(decisions: Iterable[tuple[str, int]]) -> tuple[dict[str, int], int]:
    """When the first decision of each transaction was appended, and how many there are beyond the first."""
    found: dict[str, int] = {}
    count = 0
    for name, appended in decisions:
        count += 1
        found[name] = min(appended, found.get(name, appended))
    return found, count - len(found)
