"""``sentinel chaos``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.bench.output import Out, recording, show
from deploy.chaos import report
from deploy.chaos.campaign import CampaignOptions, run_campaign
from deploy.chaos.experiment import Experiment, ExperimentResult
from deploy.chaos.fault import Fault
from deploy.chaos.faults import FAULTS
from deploy.chaos.plan import plan_experiments
from deploy.console import say
from deploy.errors import OperationError
from deploy.signals import interrupt_on_termination
from deploy.stack.ephemeral import ephemeral_stack
from deploy.stack.stack import Stack

CHECKPOINTS_MIB = 512


def chaos(
    fault: Annotated[list[str] | None, typer.Option("--fault", help="Inject only this fault; may be repeated.")] = None,
    mixed: Annotated[int, typer.Option(min=0, help="Number of experiments that combine two or three faults.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed makes the same payments and combines the same faults.")] = 1,
    transactions: Annotated[int, typer.Option(min=300, help="Payments of an experiment.")] = 3_000,
    rate: Annotated[float, typer.Option(min=10, help="Payments a second.")] = 300.0,
    task_managers: Annotated[
        int, typer.Option(min=2, help="TaskManagers of one slot each; the job needs two, others stand by.")
    ] = 2,
    minutes: Annotated[float, typer.Option(min=1, help="No experiment begins after this time.")] = 30.0,
    out: Out = None,
) -> None:
    """Inject faults under load on an ephemeral stack, and reconcile every payment and alert.

    One job goes through all experiments: a baseline without faults, each fault alone, and some combined. Every payment
    must be decided, every alert committed once, and all features equal those of one process that nothing disturbs. A
    fault that this machine cannot inject is skipped, and the notes say why.

    Example: sentinel chaos --fault broker-killed --fault hot-key --mixed 1

    Exit codes: 0 every guarantee held; 1 one was violated, or an experiment was not completed.
    """
    faults, skipped = _choose(fault)
    planned, deadline = plan_experiments(faults, seed, mixed), time.monotonic() + minutes * 60
    options = CampaignOptions(seed=seed, transactions=transactions, rate=rate, deadline=deadline)
    results: list[ExperimentResult] = []
    notes: list[str] = []
    incomplete: list[str] = []
    stack = ephemeral_stack("chaos", disk_mib=CHECKPOINTS_MIB, high_availability=True, task_managers=task_managers)
    with interrupt_on_termination(), stack as settings:
        recorded = recording(
            "chaos",
            settings,
            {"fault": fault or [], "mixed": mixed, "task_managers": task_managers, "minutes": minutes}
            | {"seed": seed, "transactions": transactions, "rate": rate},
        )
        while planned and time.monotonic() < deadline:
            campaign = run_campaign(settings, planned, options, say)
            results += campaign.results
            notes += campaign.notes
            planned = planned[len(campaign.results) :]
            if campaign.error is not None:
                incomplete.append(f"NOT COMPLETED: {_name(planned[0])}: {campaign.error}.")
                planned = planned[1:]
                Stack(settings).up()
        incomplete += [f"NOT BEGUN: {_name(each)}." for each in planned]
        all_notes = report.notes(results, [*notes, *skipped, *incomplete])
        result = recorded.result(report.figures(results), report.tables(results), notes=all_notes)
    show(result, out)
    if incomplete or any(each.violations for each in results):
        raise OperationError("a guarantee was violated, or an experiment was not completed: see above")


def _name(faults: Sequence[Fault]) -> str:
    return Experiment(faults).name


def _choose(names: Sequence[str] | None) -> tuple[list[Fault], list[str]]:
    """The faults to inject, and a note on each that this machine cannot inject.

    Raises:
        OperationError: a fault that was asked for does not exist or cannot be injected.
    """
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise OperationError(f"there is no fault called {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [fault for fault in FAULTS if not names or fault.name in names]
    missing = {fault.name: why for fault in chosen if (why := fault.missing_requirement()) is not None}
    if names and missing:
        raise OperationError("; ".join(f"{name} cannot be injected here: {why}" for name, why in missing.items()))
    skipped = [f"SKIPPED: {name}: {why}." for name, why in missing.items()]
    return [fault for fault in chosen if fault.name not in missing], skipped
