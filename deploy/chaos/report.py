"""The report of a campaign: figures, a table and notes for ``apps.bench.result``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.bench.result import Cell, Table
from deploy.chaos.experiment import ExperimentResult

GUARANTEES = [
    *("fault", "sent", "decided", "lost", "decided again", "alerts committed", "alerts lost", "alerts duplicated"),
    *("recovery, s", "compared", "differing"),
]
HEALTH = [
    *("fault", "p50 wait, ms", "p99 wait, ms", "longest wait, s", "restarts"),
    *("TaskManagers before, MiB", "after, MiB"),
]


def figures(results: Sequence[ExperimentResult]) -> dict[str, Cell]:
    """Sums over all experiments, and the recovery of each single fault."""
    each_reconciliation = [each.reconciliation for each in results]
    found: dict[str, Cell] = {
        "experiments": len(results),
        "experiments_with_a_violation": sum(bool(each.violations) for each in results),
        "transactions_sent": sum(each.sent for each in each_reconciliation),
        "transactions_lost": sum(len(each.lost) for each in each_reconciliation),
        "alerts_committed": sum(each.alerts_committed for each in each_reconciliation),
        "alerts_lost": sum(len(each.lost_alerts) for each in each_reconciliation),
        "alerts_duplicated": sum(len(each.duplicate_alerts) for each in each_reconciliation),
        "transactions_with_differing_features": sum(len(each.differing) for each in each_reconciliation),
    }
    for each in results:
        if len(each.experiment.faults) == 1 and each.recovery_s:
            found[f"recovery_{each.experiment.name.replace('-', '_')}_s"] = round(each.recovery_s, 1)
    return found


def tables(results: Sequence[ExperimentResult]) -> list[Table]:
    """What was guaranteed, and how the job fared; one row for each experiment."""
    return [
        Table("Faults under load", GUARANTEES, [_guarantees(each) for each in results]),
        Table("Waits, restarts and memory", HEALTH, [_health(each) for each in results]),
    ]


def _guarantees(result: ExperimentResult) -> list[Cell]:
    found = result.reconciliation
    return [
        result.experiment.name,
        found.sent,
        found.decided,
        len(found.lost),
        found.repeated_decisions,
        found.alerts_committed,
        len(found.lost_alerts),
        len(found.duplicate_alerts),
        None if result.recovery_s is None else round(result.recovery_s, 1),
        found.compared,
        len(found.differing),
    ]


def _health(result: ExperimentResult) -> list[Cell]:
    experiment = result.experiment
    memory = (round(mib) for mib in experiment.memory_mib)
    return [experiment.name, *_waits(result.waits_s), experiment.restarts, *memory]


def _waits(waits_s: Sequence[float]) -> list[Cell]:
    """Median and p99 in milliseconds, and the longest in seconds."""
    if not waits_s:
        return [None, None, None]
    p50, p99 = np.percentile(waits_s, [50, 99]) * 1000
    return [round(float(p50)), round(float(p99)), round(waits_s[-1], 1)]


def notes(results: Sequence[ExperimentResult], campaign_notes: Sequence[str]) -> list[str]:
    """Explain the table, describe each fault, and list every violated guarantee.

    Args:
        results: of all experiments.
        campaign_notes: of the faults, and on experiments that were not completed.
    """
    faults = {fault.name: fault for each in results for fault in each.experiment.faults}
    found = [
        "One job goes through all experiments. Recovery is the time from the fault to the first decision after which "
        "half of the rate before is reached within a second, for the last time that decisions stopped; 0 where they "
        "never did.",
        "The last decision of each transaction is compared with the golden run, one process that takes the same "
        "records one at a time: all features, lateness, rules and patterns; with clock-skew the user's features alone. "
        "Decisions marked as degraded are not compared.",
        *(f"{name}: {fault.description}." for name, fault in faults.items()),
        *campaign_notes,
    ]
    poison_sent = sum(each.experiment.poison_sent for each in results)
    if poison_sent:
        letters = sum(each.dead_letters for each in results)
        found.append(f"{letters:,} of {poison_sent:,} invalid records are dead letters.")
    return [
        *found,
        *(f"VIOLATED in {each.experiment.name}: {phrase}." for each in results for phrase in each.violations),
    ]
