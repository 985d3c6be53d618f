"""What one act of a trial was, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.chaos.fault import Fault, Traffic
from deploy.chaos.reconciliation import Reconciliation

QUIET = "quiet"


@dataclass
class Experiment:
    """A wave of payments with the faults that struck during it.

    Attributes:
        faults: none in a quiet act.
        sent_at: when each transaction was sent, wall clock in seconds, by id.
        struck_at: when the first fault struck, likewise.
        poisoned: refused records sent.
    """

    faults: Sequence[Fault]
    sent_at: dict[str, float] = field(default_factory=dict)
    struck_at: float = 0.0
    poisoned: int = 0

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults) or QUIET

    @property
    def disturbs(self) -> bool:
        """Whether decisions stop only if something of the stack does: odd payments are nothing to recover from."""
        return not self.faults or any(fault.traffic == Traffic() for fault in self.faults)

    @property
    def only(self) -> str:
        """Beginning of the features that are determined: the user's, or all of them."""
        return "user_" if any(fault.compares == "user" for fault in self.faults) else ""


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """What came of an act.

    Attributes:
        act: it.
        account: of transactions, decisions and alerts.
        recovery_s: from the first fault until decisions flowed again; 0 when they never stopped, None when they did
            not come back.
        longest_wait_s: of a payment for its first decision.
        dead_letters: of the poisonous records, each counted once.
    """

    act: Experiment
    account: Reconciliation
    recovery_s: float | None
    longest_wait_s: float
    dead_letters: int

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken, one phrase each."""
        found = list(self.account.faults)
        if self.recovery_s is None:
            found.append("decisions never flowed again as before")
        if self.dead_letters != self.act.poisoned:
            found.append(f"{self.act.poisoned} records to be refused, {self.dead_letters} dead letters of them")
        return found
