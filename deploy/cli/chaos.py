"""``sentinel chaos``."""

from __future__ import annotations

import random
import time
from typing import Annotated

import typer

from deploy.chaos import report
from deploy.chaos.fault import Fault
from deploy.chaos.faults import FAULTS
from deploy.chaos.trial import Options, Trial, attempt
from deploy.cli.output import duration, say
from deploy.cli.results import Out, recording, show
from deploy.errors import OperationError
from deploy.interruption import interrupted_by_sigterm
from deploy.stack.own import own_stack
from deploy.stack.stack import Stack

CHECKPOINTS_MIB = 512
MOST_MIXED = 3


def chaos(
    fault: Annotated[list[str] | None, typer.Option("--fault", help="Only this one; may be given again.")] = None,
    mixed: Annotated[int, typer.Option(min=0, help="Trials in which two or three faults strike together.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed: the same payments, the same faults.")] = 1,
    transactions: Annotated[int, typer.Option(min=300, help="Payments of a trial.")] = 9_000,
    rate: Annotated[float, typer.Option(min=10, help="Payments a second.")] = 300.0,
    task_managers: Annotated[int, typer.Option(min=2, help="Of one slot each; the job needs two, more stand by.")] = 2,
    minutes: Annotated[float, typer.Option(min=1, help="No trial begins after so long.")] = 45.0,
    out: Out = None,
) -> None:
    """Let things go wrong under load, on a stack of its own, and account for every payment and alert."""
    chosen, begun = _chosen(fault), time.monotonic()
    options = Options(seed=seed, transactions=transactions, rate=rate)
    trials: list[Trial] = []
    failed: list[str] = []
    stack = own_stack("chaos", disk_mib=CHECKPOINTS_MIB, high_availability=True, task_managers=task_managers)
    with interrupted_by_sigterm(), stack as settings:
        recorded = recording(
            "chaos",
            settings,
            {"fault": [each.name for each in chosen], "mixed": mixed, "minutes": minutes}
            | {"seed": seed, "transactions": transactions, "rate": rate, "task_managers": task_managers},
        )
        for faults in [*([each] for each in chosen), *_mixtures(chosen, seed, mixed)]:
            name = " + ".join(each.name for each in faults)
            if time.monotonic() - begun > minutes * 60:
                failed.append(f"{name}: not begun, as {minutes:.0f} minutes were over")
                continue
            say(f"{name}")
            began = time.monotonic()
            try:
                trials.append(attempt(settings, faults, options, say))
                kept = "; ".join(trials[-1].broken) or "all promises kept"
                took = trials[-1].recovery_s
                recovered = f"recovered after {duration(took)}, " if took else ""
                say(f"  {recovered}{kept} ({duration(time.monotonic() - began)})")
            except OperationError as error:
                failed.append(f"{name}: {error}")
                say(f"  {error}")
            Stack(settings).up()
        result = recorded.result(
            report.figures(trials),
            [report.table(trials)],
            notes=[*report.notes(trials), *(f"NOT TO ITS END: {each}." for each in failed)],
        )
    show(result, out)
    if failed or any(trial.broken for trial in trials):
        raise OperationError("a promise was broken, or a trial did not come to its end: see above")


def _chosen(names: list[str] | None) -> list[Fault]:
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise OperationError(f"there is no fault called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names or known]


def _mixtures(chosen: list[Fault], seed: int, count: int) -> list[list[Fault]]:
    rng, able = random.Random(seed), [fault for fault in chosen if fault.mixes]
    most = min(MOST_MIXED, len(able))
    return [rng.sample(able, rng.randint(2, most)) for _ in range(count)] if most > 1 else []
