"""What came of the acts, as figures and a table of a result."""

from __future__ import annotations

from collections.abc import Sequence

from apps.bench.result import Cell, Table
from deploy.chaos.experiment import ExperimentResult

COLUMNS = [
    *("fault", "sent", "decided", "lost", "decided again", "alerts committed", "alerts lost", "alerts doubled"),
    *("recovery, s", "longest wait, s", "compared", "differing"),
]


def figures(outcomes: Sequence[ExperimentResult]) -> dict[str, Cell]:
    """What matters most, over all acts."""
    accounts = [each.account for each in outcomes]
    found: dict[str, Cell] = {
        "acts": len(outcomes),
        "acts_with_a_broken_promise": sum(bool(each.broken) for each in outcomes),
        "transactions_sent": sum(each.sent for each in accounts),
        "transactions_lost": sum(len(each.lost) for each in accounts),
        "alerts_committed": sum(each.committed for each in accounts),
        "alerts_lost": sum(len(each.missing_alerts) for each in accounts),
        "alerts_doubled": sum(len(each.doubled) for each in accounts),
        "transactions_with_differing_features": sum(len(each.differing) for each in accounts),
    }
    for each in outcomes:
        if len(each.act.faults) == 1 and each.recovery_s:
            found[f"recovery_{each.act.name.replace('-', '_')}_s"] = round(each.recovery_s, 1)
    return found


def table(outcomes: Sequence[ExperimentResult]) -> Table:
    """A row for each act."""
    return Table("Faults under load", COLUMNS, [_row(each) for each in outcomes])


def _row(outcome: ExperimentResult) -> list[Cell]:
    account = outcome.account
    return [
        outcome.act.name,
        account.sent,
        account.decided,
        len(account.lost),
        account.decided_again,
        account.committed,
        len(account.missing_alerts),
        len(account.doubled),
        None if outcome.recovery_s is None else round(outcome.recovery_s, 1),
        round(outcome.longest_wait_s, 1),
        account.compared,
        len(account.differing),
    ]


def notes(outcomes: Sequence[ExperimentResult], told: Sequence[str]) -> list[str]:
    """What each fault does, what it told, and every promise that was broken."""
    faults = {fault.name: fault for each in outcomes for fault in each.act.faults}
    found = [
        "One job goes through all acts. Recovery is counted from the fault to the first decision after which half of "
        "the rate before is reached within a second, the last time that they stopped; 0 where they never did.",
        "Compared are the last decisions of the transactions with one process that takes the same records one at a "
        "time: all features, lateness, rules and patterns; with clock-skew the user's features alone. "
        "Decisions that are marked as degraded are not compared.",
        *(f"{name}: {fault.what}." for name, fault in faults.items()),
        *told,
    ]
    poisoned = sum(each.act.poisoned for each in outcomes)
    if poisoned:
        letters = sum(each.dead_letters for each in outcomes)
        found.append(f"Of {poisoned:,} poisonous records {letters:,} are dead letters.")
    return [*found, *(f"BROKEN by {each.act.name}: {what}." for each in outcomes for what in each.broken)]
