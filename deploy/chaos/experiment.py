"""One experiment of a campaign, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.chaos.fault import Fault, TrafficShape
from deploy.chaos.reconciliation import Reconciliation

BASELINE = "baseline"


@dataclass
class Experiment:
    """A round of payments, and the faults injected while it was sent.

    Attributes:
        faults: empty in the baseline.
        sent_at: when each transaction was sent, seconds of the wall clock, by id.
        injected_at: when the first fault was injected, seconds of the wall clock.
        poison_sent: number of invalid records sent.
        restarts: failures of the job while it was sent.
        memory_mib: resident memory of the TaskManagers before and after it.
    """

    faults: Sequence[Fault]
    sent_at: dict[str, float] = field(default_factory=dict)
    injected_at: float = 0.0
    poison_sent: int = 0
    restarts: int = 0
    memory_mib: tuple[float, float] = (0.0, 0.0)

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults) or BASELINE

    @property
    def measures_recovery(self) -> bool:
        """Whether a pause of decisions counts: unusual payments alone are nothing to recover from."""
        return not self.faults or any(fault.traffic == TrafficShape() for fault in self.faults)

    @property
    def compared_prefix(self) -> str:
        """Beginning of the names of the features that are compared; empty for all."""
        return "user_" if any(fault.compared_features == "user" for fault in self.faults) else ""


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """The result of an experiment.

    Attributes:
        experiment: that was run.
        reconciliation: of its transactions, decisions and alerts.
        recovery_s: from the first fault until decisions flowed again; 0 when they never stopped, None when they did not
            come back.
        waits_s: from sending each payment to its first decision, shortest first.
        dead_letters: number of invalid records among the dead letters, each counted once.
    """

    experiment: Experiment
    reconciliation: Reconciliation
    recovery_s: float | None
    waits_s: Sequence[float]
    dead_letters: int

    @property
    def violations(self) -> list[str]:
        """Every guarantee that was violated, one phrase each."""
        found = list(self.reconciliation.violations)
        if self.recovery_s is None:
            found.append("decisions did not recover")
        if self.experiment.restarts and not self.experiment.measures_recovery:
            found.append(f"the job failed {self.experiment.restarts} times, although nothing but records disturbed it")
        if self.dead_letters != self.experiment.poison_sent:
            found.append(f"{self.experiment.poison_sent} invalid records sent, {self.dead_letters} of them refused")
        return found
