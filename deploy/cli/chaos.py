"""``sentinel chaos``."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.bench.output import Out, recording, show
from deploy.chaos import report
from deploy.chaos.campaign import CampaignOptions, attempt
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.fault import Fault
from deploy.chaos.faults import FAULTS
from deploy.console import say
from deploy.errors import OperationError
from deploy.signals import interrupted_by_ending_signals
from deploy.stack.ephemeral import ephemeral_stack
from deploy.stack.stack import Stack

CHECKPOINTS_MIB = 512
MOST_MIXED = 3


def chaos(
    fault: Annotated[list[str] | None, typer.Option("--fault", help="Only this one; may be given again.")] = None,
    mixed: Annotated[int, typer.Option(min=0, help="Acts in which two or three faults strike together.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed: the same payments, the same faults.")] = 1,
    transactions: Annotated[int, typer.Option(min=300, help="Payments of an act.")] = 3_000,
    rate: Annotated[float, typer.Option(min=10, help="Payments a second.")] = 300.0,
    task_managers: Annotated[int, typer.Option(min=2, help="Of one slot each; the job needs two, more stand by.")] = 2,
    minutes: Annotated[float, typer.Option(min=1, help="No act begins after so long.")] = 30.0,
    out: Out = None,
) -> None:
    """Let things go wrong under load, on a stack of its own, and account for every payment and alert."""
    acts, until = _acts(_chosen(fault), seed, mixed), time.monotonic() + minutes * 60
    options = CampaignOptions(seed=seed, transactions=transactions, rate=rate, until=until)
    outcomes: list[ExperimentResult] = []
    told: list[str] = []
    stack = ephemeral_stack("chaos", disk_mib=CHECKPOINTS_MIB, high_availability=True, task_managers=task_managers)
    with interrupted_by_ending_signals(), stack as settings:
        recorded = recording(
            "chaos",
            settings,
            {"fault": fault or [], "mixed": mixed, "task_managers": task_managers, "minutes": minutes}
            | {"seed": seed, "transactions": transactions, "rate": rate},
        )
        while acts and time.monotonic() < until:
            trial = attempt(settings, acts, options, say)
            outcomes += trial.outcomes
            told += trial.notes
            acts = acts[len(trial.outcomes) :]
            if trial.error is not None:
                told.append(f"NOT TO ITS END: {_name(acts[0])}: {trial.error}.")
                acts = acts[1:]
                Stack(settings).up()
        told += [f"NOT BEGUN: {_name(act)}." for act in acts]
        result = recorded.result(report.figures(outcomes), [report.table(outcomes)], notes=report.notes(outcomes, told))
    show(result, out)
    if any(each.broken for each in outcomes) or any(each.startswith("NOT") for each in told):
        raise OperationError("a promise was broken, or an act did not come to its end: see above")


def _name(act: Sequence[Fault]) -> str:
    return Experiment(act).name


def _chosen(names: list[str] | None) -> list[Fault]:
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise OperationError(f"there is no fault called {', '.join(unknown)}; there are {', '.join(known)}")
    return [each for each in FAULTS if not names or each.name in names]


def _acts(chosen: Sequence[Fault], seed: int, mixed: int) -> list[list[Fault]]:
    """A quiet act, each fault alone, and before those that leave the job otherwise than it was, several together."""
    rng, able = random.Random(seed), [fault for fault in chosen if fault.mixes]
    most = min(MOST_MIXED, len(able))
    together = [rng.sample(able, rng.randint(2, most)) for _ in range(mixed)] if most > 1 else []
    last = chosen.index(able[-1]) + 1 if able else 0
    return [[], *([each] for each in chosen[:last]), *together, *([each] for each in chosen[last:])]
