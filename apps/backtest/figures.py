"""Figures of a policy: what it catches, what it costs, and what each rule and pattern adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.backtest.intervals import Estimate, average_precision, roc_auc, share
from apps.backtest.outcome import ACTIONS, HOLDS, Decided, Flags, Ints, Outcome
from apps.backtest.policy import Cause, CauseKind
from apps.backtest.source import Truth
from models.evaluation import card_precision
from state.kernel.times import DAY_MS


class PolicyFigures(msgspec.Struct, kw_only=True):
    """Figures of one policy. What needs the truth is None where nobody knows it.

    Attributes:
        name: of the policy.
        alerts: number of alerts.
        alerts_a_day: mean number of alerts in a day.
        actions: number of payments by action.
        precision: share of labeled alerts that are fraud.
        recall: share of frauds that alert.
        precision_at_k: of the ``k`` highest scores of a day, the share that is fraud; mean of days.
        card_precision_at_k: of the ``k`` users with the highest scores of a day, see ``models.evaluation``.
        average_precision: of the score.
        roc_auc: of the score.
        amount_saved: amount of frauds that were blocked or challenged.
        amount_missed: amount of the other frauds.
        amount_held_wrongly: amount of legitimate payments that were blocked or challenged.
        customers_bothered_a_day: customers of whom a legitimate payment was blocked or challenged, mean of days.
    """

    name: str
    alerts: int
    alerts_a_day: float
    actions: dict[str, int]
    precision: Estimate | None
    recall: Estimate | None
    precision_at_k: float | None
    card_precision_at_k: float | None
    average_precision: Estimate | None
    roc_auc: Estimate | None
    amount_saved: float | None
    amount_missed: float | None
    amount_held_wrongly: float | None
    customers_bothered_a_day: float | None


class CauseFigures(msgspec.Struct, kw_only=True):
    """Figures of a rule or a pattern. What needs the truth is None where nobody knows it.

    Attributes:
        kind: ``rule`` or ``pattern``.
        id: of the rule or pattern.
        fires: payments for which it spoke.
        precision: share of the labeled ones among them that are fraud.
        lift: precision as a multiple of the base rate.
        unique_catches: frauds that alert, and would not without it.
        own_false_alerts: legitimate payments that alert, and would not without it.
        flips: decisions that have another action without it; None if rules were too many to be left out in turn.
    """

    kind: CauseKind
    id: str
    fires: int
    precision: Estimate | None
    lift: float | None
    unique_catches: int | None
    own_false_alerts: int | None
    flips: int | None


class Flips(msgspec.Struct, kw_only=True):
    """Payments that two policies decide differently, by their two actions.

    Attributes:
        before: action of the policy that is compared with.
        after: action of the policy that is tried.
        payments: number.
        fraud: of them, None where nobody knows.
        legitimate: of them, None where nobody knows.
        amount: sum.
    """

    before: str
    after: str
    payments: int
    fraud: int | None
    legitimate: int | None
    amount: float


@dataclass(frozen=True)
class Labeled:
    """Payments of a backtest with the truth.

    Attributes:
        outcome: the payments, and the decisions.
        users: (n,), a number for each user.
        known: (n,), whether there is a label.
        fraud: (n,), whether there is one that says fraud.
    """

    outcome: Outcome
    users: Ints
    known: Flags
    fraud: Flags

    @classmethod
    def of(cls, outcome: Outcome, truth: Truth) -> Labeled:
        """Look up the truth of every payment."""
        numbers: dict[str, int] = {}
        users = [numbers.setdefault(user_id, len(numbers)) for user_id in outcome.user_ids]
        found = [truth.of(*pair) for pair in zip(outcome.user_ids, outcome.transaction_ids, strict=True)]
        return cls(
            outcome,
            np.array(users, np.int64),
            np.array([each is not None for each in found], np.bool_),
            np.array([each is True for each in found], np.bool_),
        )

    @property
    def legitimate(self) -> Flags:
        """Whether there is a label that says legitimate, (n,)."""
        return self.known & ~self.fraud

    @property
    def days(self) -> float:
        """Days from the first payment to the last, at least one."""
        times = self.outcome.event_times
        return max((int(times.max()) - int(times.min())) / DAY_MS, 1.0)

    @property
    def base_rate(self) -> float | None:
        """Share of fraud among labeled payments."""
        known = int(self.known.sum())
        return int(self.fraud.sum()) / known if known else None


def policy_figures(name: str, labeled: Labeled, decided: Decided, k: int) -> PolicyFigures:
    """Compute the figures of a policy.

    Args:
        name: of the policy.
        labeled: payments with the truth.
        decided: decisions by the policy.
        k: payments, or users, that are looked at in a day.
    """
    known, fraud, amounts, days = labeled.known, labeled.fraud, labeled.outcome.amounts, labeled.days
    has_truth = bool(known.any())
    held = np.isin(decided.actions, HOLDS)
    wrongly = held & labeled.legitimate
    counts = np.bincount(decided.actions, minlength=len(ACTIONS)).tolist()
    some = (decided.scores[known], fraud[known], labeled.outcome.event_times[known])
    return PolicyFigures(
        name=name,
        alerts=int(decided.alerts.sum()),
        alerts_a_day=int(decided.alerts.sum()) / days,
        actions=dict(zip(ACTIONS, counts, strict=True)),
        precision=share(int((decided.alerts & fraud).sum()), int((decided.alerts & known).sum())),
        recall=share(int((decided.alerts & fraud).sum()), int(fraud.sum())),
        precision_at_k=card_precision(*some, np.arange(len(some[0])).astype(object), k) if has_truth else None,
        card_precision_at_k=card_precision(*some, labeled.users[known].astype(object), k) if has_truth else None,
        average_precision=average_precision(*some[:2]) if has_truth else None,
        roc_auc=roc_auc(*some[:2]) if has_truth else None,
        amount_saved=float(amounts[held & fraud].sum()) if has_truth else None,
        amount_missed=float(amounts[~held & fraud].sum()) if has_truth else None,
        amount_held_wrongly=float(amounts[wrongly].sum()) if has_truth else None,
        customers_bothered_a_day=_customers_a_day(labeled, wrongly) if has_truth else None,
    )


def _customers_a_day(labeled: Labeled, rows: NDArray[np.bool_]) -> float:
    days = labeled.outcome.event_times[rows] // DAY_MS
    return len(np.unique(np.column_stack((days, labeled.users[rows])), axis=0)) / labeled.days


def cause_figures(causes: Sequence[Cause], labeled: Labeled, decided: Decided, *, ablated: bool) -> list[CauseFigures]:
    """Compute the figures of every rule and pattern of a policy.

    Args:
        causes: of the policy, in order.
        labeled: payments with the truth.
        decided: decisions by the policy.
        ablated: whether each cause was left out in turn.
    """
    rate, has_truth = labeled.base_rate, bool(labeled.known.any())
    figures = []
    for place, cause in enumerate(causes):
        rows = decided.spoke[decided.spoke[:, 1] == place, 0]
        precision = share(int(labeled.fraud[rows].sum()), int(labeled.known[rows].sum()))
        differing = decided.ablated[decided.ablated[:, 1] == place]
        lost = differing[decided.alerts[differing[:, 0]] & (differing[:, 3] == 0), 0]
        figures.append(
            CauseFigures(
                kind=cause.kind,
                id=cause.id,
                fires=len(rows),
                precision=precision,
                lift=precision.value / rate if precision is not None and rate else None,
                unique_catches=int(labeled.fraud[lost].sum()) if ablated and has_truth else None,
                own_false_alerts=int(labeled.legitimate[lost].sum()) if ablated and has_truth else None,
                flips=int((differing[:, 2] != decided.actions[differing[:, 0]]).sum()) if ablated else None,
            )
        )
    return figures


def flips(labeled: Labeled, before: Decided, after: Decided) -> list[Flips]:
    """Count the payments that two policies decide differently, from the strictest action to the mildest."""
    found = []
    has_truth = bool(labeled.known.any())
    for one in reversed(range(len(ACTIONS))):
        for other in reversed(range(len(ACTIONS))):
            rows = (before.actions == one) & (after.actions == other)
            if one == other or not rows.any():
                continue
            found.append(
                Flips(
                    before=ACTIONS[one],
                    after=ACTIONS[other],
                    payments=int(rows.sum()),
                    fraud=int(labeled.fraud[rows].sum()) if has_truth else None,
                    legitimate=int(labeled.legitimate[rows].sum()) if has_truth else None,
                    amount=float(labeled.outcome.amounts[rows].sum()),
                )
            )
    return found
