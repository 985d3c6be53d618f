"""Reconcile a run under faults: sent against decided, committed and computed by the golden run. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, NamedTuple

TOLERANCE = 1e-9
MAX_NAMES_SHOWN = 5
ComparedFields = Mapping[str, Any]
"""The fields of a decision that are compared with the golden run: ``features`` by name, and others."""


class RecordedDecision(NamedTuple):
    """One decision as read from the topic.

    Attributes:
        transaction_id: of the payment.
        is_alert: whether its score asks for an alert.
        fields: that are compared.
        degraded: whether the decision itself says that it lacks information, as one on a payment that is too late does.
    """

    transaction_id: str
    is_alert: bool
    fields: ComparedFields
    degraded: bool = False


@dataclass(frozen=True)
class Reconciliation:
    """What was sent, decided and committed, and every difference.

    Attributes:
        sent: number of transactions sent.
        decided: number of them with a decision.
        lost: ids without a decision.
        unknown: ids with a decision that were never sent.
        repeated_decisions: number of decisions beyond the first of each transaction.
        inconsistent: number of transactions whose decisions disagree on whether they are alerts.
        alerts_committed: number of alerts that a read-committed consumer sees.
        duplicate_alerts: ids with more than one alert.
        lost_alerts: ids without an alert although all their decisions ask for one.
        unexpected_alerts: ids with an alert that no decision asks for.
        compared: number of transactions compared with the golden run: those whose last decision is not degraded.
        differing: by id, the names of what differs from the golden run.
    """

    sent: int
    decided: int
    lost: tuple[str, ...]
    unknown: tuple[str, ...]
    repeated_decisions: int
    inconsistent: int
    alerts_committed: int
    duplicate_alerts: tuple[str, ...]
    lost_alerts: tuple[str, ...]
    unexpected_alerts: tuple[str, ...]
    compared: int
    differing: Mapping[str, tuple[str, ...]]

    @property
    def violations(self) -> list[str]:
        """Every guarantee that was violated, one phrase each."""
        found = {
            "transactions lost": self.lost,
            "decisions of unknown transactions": self.unknown,
            "alerts duplicated": self.duplicate_alerts,
            "alerts lost": self.lost_alerts,
            "alerts that no decision asks for": self.unexpected_alerts,
            "transactions with other features than in the golden run": tuple(self.differing),
        }
        phrases = [f"{len(ids)} {violation}, first {ids[0]}" for violation, ids in found.items() if ids]
        counts = Counter(name for names in self.differing.values() for name in names).most_common(MAX_NAMES_SHOWN)
        return [*phrases, *([f"most often different: {', '.join(name for name, _ in counts)}"] if counts else [])]


def reconcile(
    sent: Collection[str],
    decisions: Sequence[RecordedDecision],
    alerts: Sequence[str],
    golden: Mapping[str, ComparedFields],
    feature_prefix: str = "",
) -> Reconciliation:
    """Compare what was sent with what came of it.

    Args:
        sent: ids of all transactions sent.
        decisions: in the order of the topic: the last one of a transaction is compared.
        alerts: ids of the committed alerts.
        golden: fields that the golden run computes, by id; an id that it lacks is not compared.
        feature_prefix: beginning of the names of the features to compare; if given, only they are compared.
    """
    by_id: dict[str, list[RecordedDecision]] = {}
    for decision in decisions:
        by_id.setdefault(decision.transaction_id, []).append(decision)
    alert_counts = Counter(alerts)
    always_alert = {name for name, each in by_id.items() if all(decision.is_alert for decision in each)}
    ever_alert = {name for name, each in by_id.items() if any(decision.is_alert for decision in each)}
    compared = sorted(name for name in by_id.keys() & golden.keys() if not by_id[name][-1].degraded)
    differing = {name: _differing(by_id[name][-1].fields, golden[name], feature_prefix) for name in compared}
    sent_ids = set(sent)
    return Reconciliation(
        sent=len(sent_ids),
        decided=len(sent_ids & by_id.keys()),
        lost=tuple(sorted(sent_ids - by_id.keys())),
        unknown=tuple(sorted(by_id.keys() - sent_ids)),
        repeated_decisions=sum(len(each) - 1 for each in by_id.values()),
        inconsistent=len(ever_alert - always_alert),
        alerts_committed=len(alerts),
        duplicate_alerts=tuple(sorted(name for name, count in alert_counts.items() if count > 1)),
        lost_alerts=tuple(sorted(always_alert - alert_counts.keys())),
        unexpected_alerts=tuple(sorted(alert_counts.keys() - ever_alert)),
        compared=len(compared),
        differing={name: names for name, names in differing.items() if names},
    )


def _differing(found: ComparedFields, golden: ComparedFields, feature_prefix: str) -> tuple[str, ...]:
    features, expected = found["features"], golden["features"]
    names = [name for name in sorted(features.keys() | expected.keys()) if name.startswith(feature_prefix)]
    differing = [name for name in names if not _is_close(features.get(name), expected.get(name))]
    others = [name for name in golden if name != "features" and not feature_prefix]
    return (*differing, *(name for name in others if found.get(name) != golden[name]))


def _is_close(found: float | None, expected: float | None) -> bool:
    """Two versions of the code may differ in the last bits of a distance; a lost or repeated event differs in more."""
    if found is None or expected is None:
        return found is expected
    return isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
