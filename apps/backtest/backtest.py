"""Backtest policies: decide recorded or simulated payments as the job does, and compare with the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from apps.backtest import curves
from apps.backtest.figures import (
    CauseFigures,
    Flips,
    Labeled,
    PolicyFigures,
    cause_figures,
    flips,
    policy_figures,
)
from apps.backtest.judge import MAX_ABLATED
from apps.backtest.outcome import Outcome, join
from apps.backtest.processes import decide, workers
from apps.backtest.source import Batch, Truth
from apps.backtest.subtask import SubtaskOptions

SUBTASKS = 8
"""Subtasks of a backtest, whatever the number of processes: so any number gives the same decisions."""
_EXAMPLES = 12


class Example(msgspec.Struct, kw_only=True):
    """A payment that two policies decide differently.

    Attributes:
        transaction_id: of the payment.
        user_id: of the payment.
        event_time: epoch milliseconds.
        amount: of the payment.
        fraud: truth; None where nobody knows it.
        before: decision by the policy that is compared with.
        after: decision by the policy that is tried.
    """

    transaction_id: str
    user_id: str
    event_time: int
    amount: float
    fraud: bool | None
    before: msgspec.Raw
    after: msgspec.Raw


class BacktestResult(msgspec.Struct, kw_only=True):
    """Result of a backtest; the first policy is the one that is tried, the second the one it is compared with.

    Attributes:
        payments: that were decided and count.
        labeled: of them, with a label.
        frauds: of them.
        base_rate: share of fraud among labeled payments.
        first: event time of the first payment, epoch milliseconds.
        last: event time of the last payment, epoch milliseconds.
        days: between them.
        refused: records that became dead letters, by reason.
        repeats: records that were dropped as repeats.
        k: payments, or users, that are looked at in a day.
        false_alarm_cost: of a legitimate payment that is held, for the curve of cost.
        seconds: that the decisions took.
        payments_a_second: of all payments that were processed, those that only fill profiles included.
        processes: that decided.
        policies: figures by policy.
        causes: figures of rules and patterns, by policy.
        flips: payments that the two policies decide differently, by their actions.
        examples: some of them.
        plots: points of each curve, by plot and policy.
    """

    payments: int
    labeled: int
    frauds: int
    base_rate: float | None
    first: int
    last: int
    days: float
    refused: dict[str, int]
    repeats: int
    k: int
    false_alarm_cost: float
    seconds: float
    payments_a_second: float
    processes: int
    policies: list[PolicyFigures]
    causes: list[list[CauseFigures]]
    flips: list[Flips]
    examples: list[Example]
    plots: dict[str, dict[str, curves.Points]]


class NothingDecidedError(Exception):
    """The data contain no payment that counts."""


def run_backtest(
    batches: Iterable[Batch],
    truth: Truth,
    options: SubtaskOptions,
    *,
    processes: int = 1,
    k: int = 100,
    false_alarm_cost: float = 10.0,
    report: Callable[[int], None] = lambda _: None,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> BacktestResult:
    """Decide batches by one or two policies, and compute their figures.

    Args:
        batches: in order.
        truth: which the batches fill.
        options: of the subtasks.
        processes: that decide; more than ``options.subtasks`` are of no use.
        k: payments, or users, that are looked at in a day.
        false_alarm_cost: of a legitimate payment that is held.
        report: called after each batch with the number of payments processed.
        on_outcome: called with the outcome of each batch.

    Raises:
        NothingDecidedError: no payment counts.
        WorkerEndedError: a process was ended from outside.
        ArtefactError: the model is damaged, or made for other features.
    """
    done = 0

    def counted() -> Iterable[Batch]:
        nonlocal done
        for batch in batches:
            yield batch
            done += batch.payments
            report(done)

    outcomes = []
    with workers(options, processes) as subtasks:
        begun = time.monotonic()
        for outcome in decide(counted(), subtasks, options):
            on_outcome(outcome)
            outcomes.append(outcome)
        seconds = time.monotonic() - begun
    combined = join(outcomes)
    if not len(combined):
        refused = ", ".join(f"{count:,} {reason}" for reason, count in combined.refused.most_common())
        raise NothingDecidedError("no payment was decided" + (f"; refused: {refused}" if refused else ""))
    labeled = Labeled.of(combined, truth)
    names = [policy.name for policy in options.policies]
    all_causes = [policy.causes() for policy in options.policies]
    return BacktestResult(
        payments=len(combined),
        labeled=int(labeled.known.sum()),
        frauds=int(labeled.fraud.sum()),
        base_rate=labeled.base_rate,
        first=int(combined.event_times.min()),
        last=int(combined.event_times.max()),
        days=labeled.days,
        refused=dict(combined.refused.most_common()),
        repeats=combined.repeats,
        k=k,
        false_alarm_cost=false_alarm_cost,
        seconds=seconds,
        payments_a_second=done / max(seconds, 1e-9),
        processes=processes,
        policies=[
            policy_figures(name, labeled, decided, k) for name, decided in zip(names, combined.decided, strict=True)
        ],
        causes=[
            cause_figures(causes, labeled, decided, ablated=options.ablate and len(causes) <= MAX_ABLATED)
            for causes, decided in zip(all_causes, combined.decided, strict=True)
        ],
        flips=flips(labeled, combined.decided[1], combined.decided[0]) if len(names) > 1 else [],
        examples=_examples(labeled),
        plots=_plots(names, labeled, false_alarm_cost),
    )


def _examples(labeled: Labeled) -> list[Example]:
    """Differing decisions: frauds first, then legitimate payments, spread over the time of the backtest."""
    outcome = labeled.outcome
    groups: tuple[list[int], list[int]] = ([], [])
    values = dict(outcome.examples)
    for row in sorted(values, key=lambda row: int(outcome.event_times[row])):
        groups[0 if labeled.fraud[row] else 1].append(row)
    chosen = [row for rows in groups for row in _spread(rows, _EXAMPLES // 2)]
    return [
        Example(
            transaction_id=outcome.transaction_ids[row],
            user_id=outcome.user_ids[row],
            event_time=int(outcome.event_times[row]),
            amount=float(outcome.amounts[row]),
            fraud=bool(labeled.fraud[row]) if labeled.known[row] else None,
            before=msgspec.Raw(values[row][1]),
            after=msgspec.Raw(values[row][0]),
        )
        for row in chosen
    ]


def _spread(rows: Sequence[int], count: int) -> list[int]:
    return [rows[place * len(rows) // count] for place in range(count)] if len(rows) > count else list(rows)


def _plots(names: Sequence[str], labeled: Labeled, false_alarm_cost: float) -> dict[str, dict[str, curves.Points]]:
    decided = dict(zip(names, labeled.outcome.decided, strict=True))
    plots = {
        "alerts": {name: curves.alerts_over_time(labeled, each.alerts) for name, each in decided.items()},
    }
    if labeled.fraud.any() and labeled.legitimate.any():
        plots |= {
            "roc": {name: curves.roc(labeled, each.scores) for name, each in decided.items()},
            "precision_recall": {name: curves.precision_recall(labeled, each.scores) for name, each in decided.items()},
            "cost": {name: curves.cost(labeled, each.scores, false_alarm_cost) for name, each in decided.items()},
        }
    return plots
