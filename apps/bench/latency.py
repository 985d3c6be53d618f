"""Decision latency by the broker's clock: from the append of a transaction to the append of its decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.records import transaction_id

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
P99_SLO_MS = 250.0
"""Objective for the 99th percentile, milliseconds; rates are judged by it."""


@dataclass(frozen=True)
class MatchedDecisions:
    """Transactions joined with their decisions by transaction id.

    Attributes:
        sent_at: when each transaction was appended, or was due, epoch milliseconds, (n,), ascending.
        latency_ms: from then to the append of its first decision, (n,); NaN without a decision.
        repeated: decisions beyond the first of a transaction.
    """

    sent_at: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    repeated: int

    @property
    def missing(self) -> int:
        """Number of transactions without a decision."""
        return int(np.isnan(self.latency_ms).sum())

    @property
    def decided_at(self) -> NDArray[np.float64]:
        """When each first decision was appended, epoch milliseconds, in the order of the transactions."""
        decided: NDArray[np.float64] = (self.sent_at + self.latency_ms)[~np.isnan(self.latency_ms)]
        return decided

    def between(self, start_ms: float, end_ms: float) -> MatchedDecisions:
        """Select the transactions sent from ``start_ms`` to before ``end_ms``, epoch milliseconds.

        The selection has no count of repeated decisions.
        """
        selected = (self.sent_at >= start_ms) & (self.sent_at < end_ms)
        return MatchedDecisions(self.sent_at[selected], self.latency_ms[selected], 0)

    def percentiles(self) -> dict[str, float]:
        """Latency percentiles in milliseconds, named ``p50`` to ``p99.9``, and ``max``; empty without decisions."""
        known = self.latency_ms[~np.isnan(self.latency_ms)]
        if not len(known):
            return {}
        found = {f"p{each:g}": float(np.percentile(known, each, method="higher")) for each in PERCENTILES}
        return found | {"max": float(known.max())}


def with_transaction_id(records: Iterable[tuple[bytes, int]]) -> list[tuple[str, int]]:
    """Replace each record's value by its transaction id; pairs of value and append time, epoch milliseconds."""
    return [(transaction_id(value), appended) for value, appended in records]


def match_decisions(
    transactions: Iterable[tuple[str, float]], decisions: Iterable[tuple[str, int]]
) -> MatchedDecisions:
    """Join transactions with decisions; both are pairs of transaction id and time, epoch milliseconds."""
    sent: dict[str, float] = {}
    for name, at in transactions:
        sent.setdefault(name, at)
    decided_at, repeated = first_decisions(decisions)
    order = sorted(sent, key=sent.__getitem__)
    times = np.array([sent[name] for name in order], np.float64)
    decided = np.array([decided_at.get(name, np.nan) for name in order], np.float64)
    return MatchedDecisions(times, decided - times, repeated)


def first_decisions(decisions: Iterable[tuple[str, int]]) -> tuple[dict[str, int], int]:
    """Return the append time of each transaction's first decision, and the number of further decisions."""
    found: dict[str, int] = {}
    count = 0
    for name, appended in decisions:
        count += 1
        found[name] = min(appended, found.get(name, appended))
    return found, count - len(found)
