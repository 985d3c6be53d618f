"""``sentinel bench peers``: our own job beside what a team would pick instead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, TypeVar

import typer

from apps.bench.result import Cell, Plot, Table
from apps.peers import all_peers
from apps.peers.peer import Peer, Promises, Runs
from apps.simulator.sending import send_history
from apps.simulator.simulator import Simulator
from deploy.bench.harness import Bench, bench
from deploy.bench.output import Out, recording, show
from deploy.bench.peers import runner
from deploy.bench.peers.backlog import Drained, drain
from deploy.bench.peers.in_memory import run_loop
from deploy.bench.peers.rate_ramp import LIMIT_MS, Load, RateStep, max_rate_within_slo, ramp_up, send_load_history
from deploy.bench.peers.report import drained_table, live_plot, live_table, of_ceilings, promises_table
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.console import say
from deploy.errors import OperationError
from deploy.signals import interrupt_on_termination
from flink_jobs.settings import Settings, load_settings

T = TypeVar("T")
US = Peer(
    name="sentinel",
    title="Stream Sentinel",
    module="flink_jobs.job",
    runs=Runs.ON_FLINK,
    promises=Promises(
        state="RocksDB with checkpoints (5 s), clocks and all",
        alerts="exactly once, with the checkpoint",
        late="corrected; lateness judged by partition",
        live="rules, patterns, thresholds",
        rescale="savepoint, shown by a test",
    ),
)
NOTES = (
    "Every contestant decides the same records with the same stages, rules, patterns and model, one after another, and "
    "writes decisions and alerts to topics of its own. apps/peers/README.md says what is fair.",
    "Rates go by the broker's clock, from the first decision's append to the last one's. Steady rates, busy cores and "
    "CPU are of the second half of that time, when JVMs are warm. CPU is of the contestant and its store; the broker's "
    "stands apart. The ceilings read and write no Kafka.",
    "Where two cores are two threads of one, each may do less while the other is busy: the ceiling of who uses both is "
    "the plain loop in two processes.",
    "A contestant that is slow has decided less of the backlog when its time is over, and so has smaller profiles.",
)


def peers(
    transactions: Annotated[int, typer.Option(min=5_000, help="Size of the backlog.")] = 200_000,
    seconds: Annotated[float, typer.Option(min=5, help="How long each may work at it.")] = 60.0,
    users: Annotated[int, typer.Option(min=100, help="Users of the simulation.")] = 10_000,
    only: Annotated[list[str] | None, typer.Option(help="Names of contestants; `sentinel` is our own job.")] = None,
    backlog: Annotated[bool, typer.Option(help="Measure how fast a backlog is worked off.")] = True,
    live: Annotated[list[float] | None, typer.Option(help="Offer these rates as well, one after another.")] = None,
    live_seconds: Annotated[float, typer.Option(min=2, help="How long each rate is measured, after as long.")] = 10.0,
    out: Out = None,
) -> None:
    """Measure our own job beside what a team would pick instead, on the same input in the same run."""
    settings = load_settings()
    chosen = _chosen(only)
    options = {"transactions": transactions, "seconds": seconds, "users": users, "only": only, "backlog": backlog}
    recorded = recording("peers", settings, options | {"live": live, "live_seconds": live_seconds})
    notes = list(NOTES)
    tables: list[Table] = []
    plots: list[Plot] = []
    figures: dict[str, Cell] = {}
    # What is asked to end leaves no process and no topic behind.
    with interrupt_on_termination():
        if backlog:
            drained = _drain_all(settings, chosen, transactions, seconds, users, notes)
            figures |= _figures(drained)
            tables += [drained_table(drained), promises_table(drained)]
        if live:
            load = Load(sorted(live), live_seconds, live_seconds, min(transactions, 20_000), users)
            climbed = _climb_all(settings, [one for one in chosen if one.runs is not Runs.IN_MEMORY], load, notes)
            figures |= {
                f"{one.figure}_within_{LIMIT_MS:.0f}_ms_up_to_per_s": max_rate_within_slo(rungs)
                for one, rungs in climbed.items()
            }
            tables.append(live_table(climbed))
            plots.append(live_plot(climbed))
    show(recorded.result(figures, tables, plots, notes), out)


def _chosen(only: list[str] | None) -> list[Peer]:
    found = {one.name: one for one in (US, *all_peers())}
    unknown = sorted(set(only or ()) - found.keys())
    if unknown:
        raise OperationError(f"there is no contestant {', '.join(unknown)}: there are {', '.join(found)}")
    return [one for name, one in found.items() if not only or name in only]


def _drain_all(
    settings: Settings, chosen: list[Peer], transactions: int, seconds: float, users: int, notes: list[str]
) -> dict[Peer, Drained]:
    found: dict[Peer, Drained] = {}
    with bench(settings, start_from="earliest") as run:
        rate = 1_000 / natural_speedup(1_000, users)
        simulator = Simulator(options_until_now(rate, transactions, 0, users=users))
        sent = send_history(open_feed(run.settings), simulator, transactions, lambda _: None).transactions
        say(f"{sent:,} transactions sent")
        for one in chosen:
            result = _attempted(one, notes, lambda one=one: _drain_one(one, run, sent, seconds))  # type: ignore[misc]
            if result is not None:
                found[one] = result
                say(f"{one.title}: {result.decisions:,} decided, {result.per_s:,.0f}/s")
    return found


def _drain_one(one: Peer, run: Bench, sent: int, seconds: float) -> Drained:
    if one.runs is Runs.IN_MEMORY:
        return run_loop(one, run.settings, say)
    with _running(one, run.settings) as running:
        return drain(running, sent, seconds)


def _climb_all(settings: Settings, chosen: list[Peer], load: Load, notes: list[str]) -> dict[Peer, list[RateStep]]:
    found: dict[Peer, list[RateStep]] = {}
    for one in chosen:
        rungs = _attempted(one, notes, lambda one=one: _climb_one(one, settings, load))  # type: ignore[misc]
        if rungs is not None:
            found[one] = rungs
            say(f"{one.title}: " + ", ".join(f"{rung.rate:,.0f}/s {rung.p99_ms or 'backlog'}" for rung in rungs))
    return found


def _climb_one(one: Peer, settings: Settings, load: Load) -> list[RateStep]:
    with bench(settings, start_from="earliest") as run:
        feed, simulator, pace = send_load_history(run, load, lambda _: None)
        with _running(one, run.settings) as running:
            return ramp_up(running, load, feed, simulator, pace)


def _running(one: Peer, settings: Settings) -> AbstractContextManager[runner.Runner]:
    return runner.own_job(settings, say) if one is US else runner.peer(one, settings, say)


def _attempted(one: Peer, notes: list[str], measure: Callable[[], T]) -> T | None:
    """What was measured; where a peer cannot be, the others are, and a note says why."""
    try:
        return measure()
    except OperationError as error:
        if one is US:
            raise
        say(f"{one.title}: {error}")
        notes.append(f"{one.title} has no figures: {error}")
        return None


def _figures(drained: dict[Peer, Drained]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {f"{one.figure}_per_s": round(found.per_s) for one, found in drained.items()}
    for ceiling, shares in of_ceilings(drained).items():
        if US in shares:
            figures[f"sentinel_of_{ceiling.figure}_per_core_percent"] = shares[US]
    return figures
