"""The account of a disturbed run: what was sent against what was decided, committed and computed. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, NamedTuple

DIGITS = 1e-9
NAMED = 5
Outcome = Mapping[str, Any]
"""What is compared of a decision: features by name, and whatever else (``apps.reference.golden_run``)."""


class Decided(NamedTuple):
    """One decision as it lies in the topic.

    Attributes:
        transaction_id: of the payment.
        alert: whether its score asks for an alert.
        outcome: what is compared.
        degraded: whether the decision says itself that it knew less than it should, as what is too late does.
    """

    transaction_id: str
    alert: bool
    outcome: Outcome
    degraded: bool = False


@dataclass(frozen=True)
class Reconciliation:
    """What came of a run.

    Attributes:
        sent: transactions that were to be decided.
        decided: of them with a decision.
        lost: ids without one.
        unknown: ids decided that were never sent.
        decided_again: decisions beyond the first of each transaction.
        changed: transactions whose decisions do not agree on whether they are alerts.
        committed: alerts that a read-committed consumer sees.
        doubled: ids of alerts that came more than once.
        missing_alerts: ids whose decisions all ask for an alert that is not there.
        unasked_alerts: ids with an alert that no decision asks for.
        compared: transactions compared with the quiet run: those whose last decision is not degraded.
        differing: by id the names of what differs from the quiet run.
    """

    sent: int
    decided: int
    lost: tuple[str, ...]
    unknown: tuple[str, ...]
    decided_again: int
    changed: int
    committed: int
    doubled: tuple[str, ...]
    missing_alerts: tuple[str, ...]
    unasked_alerts: tuple[str, ...]
    compared: int
    differing: Mapping[str, tuple[str, ...]]

    @property
    def faults(self) -> list[str]:
        """Every promise that was broken, one phrase each."""
        found = {
            "transactions lost": self.lost,
            "decisions of unknown transactions": self.unknown,
            "alerts doubled": self.doubled,
            "alerts lost": self.missing_alerts,
            "alerts that no decision asks for": self.unasked_alerts,
            "transactions with other features than in a quiet run": tuple(self.differing),
        }
        named = [f"{len(ids)} {what}, {ids[0]} the first" for what, ids in found.items() if ids]
        often = Counter(name for names in self.differing.values() for name in names).most_common(NAMED)
        return [*named, *([f"what differs most: {', '.join(name for name, _ in often)}"] if often else [])]


def reconcile(
    sent: Collection[str],
    decisions: Sequence[Decided],
    alerts: Sequence[str],
    quiet: Mapping[str, Outcome],
    only: str = "",
) -> Reconciliation:
    """Draw up the account.

    Args:
        sent: ids of all transactions that were to be decided.
        decisions: in the order of the topic, so that the last one of a transaction counts.
        alerts: ids of the committed alerts.
        quiet: what a quiet run computes, by id; what is not in it is not compared.
        only: beginning of the features to be compared, and then nothing else is.
    """
    found: dict[str, list[Decided]] = {}
    for decision in decisions:
        found.setdefault(decision.transaction_id, []).append(decision)
    times = Counter(alerts)
    always = {name for name, each in found.items() if all(decision.alert for decision in each)}
    ever = {name for name, each in found.items() if any(decision.alert for decision in each)}
    compared = sorted(name for name in found.keys() & quiet.keys() if not found[name][-1].degraded)
    differing = {name: _differing(found[name][-1].outcome, quiet[name], only) for name in compared}
    known = set(sent)
    return Reconciliation(
        sent=len(known),
        decided=len(known & found.keys()),
        lost=tuple(sorted(known - found.keys())),
        unknown=tuple(sorted(found.keys() - known)),
        decided_again=sum(len(each) - 1 for each in found.values()),
        changed=len(ever - always),
        committed=len(alerts),
        doubled=tuple(sorted(name for name, count in times.items() if count > 1)),
        missing_alerts=tuple(sorted(always - times.keys())),
        unasked_alerts=tuple(sorted(times.keys() - ever)),
        compared=len(compared),
        differing={name: names for name, names in differing.items() if names},
    )


def _differing(found: Outcome, quiet: Outcome, only: str) -> tuple[str, ...]:
    features, expected = found["features"], quiet["features"]
    names = sorted(features.keys() | expected.keys())
    wrong = [name for name in names if name.startswith(only) and not _same(features.get(name), expected.get(name))]
    others = [name for name in quiet if name != "features" and not only]
    return (*wrong, *(name for name in others if found.get(name) != quiet[name]))


def _same(found: float | None, expected: float | None) -> bool:
    """Two versions may differ in the last bits of a distance; what is forgotten, or told twice, differs in more."""
    if found is None or expected is None:
        return found is expected
    return isclose(found, expected, rel_tol=DIGITS, abs_tol=DIGITS)
