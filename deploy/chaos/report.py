"""Trials as figures and tables of a result."""

from __future__ import annotations

from collections.abc import Sequence

from apps.bench.result import Cell, Table
from deploy.chaos.trial import Trial

COLUMNS = [
    *("fault", "sent", "decided", "lost", "decided again", "alerts committed", "alerts lost", "alerts doubled"),
    *("recovery, s", "longest wait, s", "compared", "differing"),
]


def figures(trials: Sequence[Trial]) -> dict[str, Cell]:
    """What matters most, over all trials."""
    accounts = [trial.account for trial in trials]
    found: dict[str, Cell] = {
        "trials": len(trials),
        "trials_with_a_broken_promise": sum(bool(trial.broken) for trial in trials),
        "transactions_sent": sum(each.sent for each in accounts),
        "transactions_lost": sum(len(each.lost) for each in accounts),
        "alerts_committed": sum(each.committed for each in accounts),
        "alerts_lost": sum(len(each.missing_alerts) for each in accounts),
        "alerts_doubled": sum(len(each.doubled) for each in accounts),
        "features_differing": sum(len(each.differing) for each in accounts),
    }
    for trial in trials:
        if len(trial.faults) == 1 and trial.recovery_s:
            found[f"recovery_{trial.name.replace('-', '_')}_s"] = round(trial.recovery_s, 1)
    return found


def table(trials: Sequence[Trial]) -> Table:
    """A row for each trial."""
    return Table("Faults under load", COLUMNS, [_row(trial) for trial in trials])


def _row(trial: Trial) -> list[Cell]:
    account = trial.account
    return [
        trial.name,
        account.sent,
        account.decided,
        len(account.lost),
        account.decided_again,
        account.committed,
        len(account.missing_alerts),
        len(account.doubled),
        None if trial.recovery_s is None else round(trial.recovery_s, 1),
        round(trial.longest_wait_s, 1),
        account.compared,
        len(account.differing),
    ]


def notes(trials: Sequence[Trial]) -> list[str]:
    """What each fault does, what it told, and every promise that was broken."""
    found = {
        "Recovery is counted from the fault to the first decision after which half of the rate before is reached "
        "within a second; 0 where decisions never stopped.",
        "Compared are the last decisions of the transactions with one process that takes the same records one at a "
        "time: all features, lateness, rules and patterns; with clock-skew the user's features and lateness alone.",
    }
    told = [f"{fault.name}: {fault.what}." for fault in {f.name: f for t in trials for f in t.faults}.values()]
    said = [note for trial in trials for note in trial.notes]
    broken = [f"BROKEN by {trial.name}: {what}." for trial in trials for what in trial.broken]
    poisoned = sum(trial.poisoned for trial in trials)
    if poisoned:
        letters = sum(trial.dead_letters for trial in trials)
        said.append(f"Of {poisoned:,} poisonous records {letters:,} are dead letters.")
    return [*sorted(found), *told, *said, *broken]
