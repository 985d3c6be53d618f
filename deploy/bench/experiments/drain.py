"""``sentinel bench drain``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from apps.bench.result import Cell, Plot, Table
from apps.bench.timeline import rate_by_second
from apps.simulator.sending import Feed, Sent, send_history
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import Drained, drain_backlog, drain_next
from deploy.bench.harness import bench
from deploy.bench.output import Out, recording, show
from deploy.bench.stage_table import STAGE_NOTES, stage_table
from deploy.clients import kafka_clients
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.console import say
from flink_jobs.settings import Settings, load_settings

Users = Annotated[int, typer.Option(min=100, help="Users of the simulation.")]

CPU_BY_PART = "CPU by part"


def drain(
    transactions: Annotated[int, typer.Option(min=1_000, help="Size of the backlog.")] = 500_000,
    warm: Annotated[int, typer.Option(min=0, help="Size of a backlog that is decided before; 0 for none.")] = 0,
    users: Users = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Merchants of the simulation.")] = 2_000,
    out: Out = None,
) -> None:
    """Send a backlog, then start the job, and measure how fast it is worked off.

    The rate is from the first decision to the last, by the broker's stamps; how long the job took to its first
    decision is told beside it. Without --warm the JVMs and their compiled code are as they are found: cold after
    `sentinel up`. With --warm N the job decides N transactions first, whose rate is told as "first"; the backlog that
    is measured is sent meanwhile in one transaction of Kafka's, and the job sees all of it at once.
    """
    settings = load_settings()
    run = recording(
        "drain", settings, {"transactions": transactions, "warm": warm, "users": users, "merchants": merchants}
    )
    measured, first, simulator_per_s = drained(settings, transactions, users, merchants, warm)
    figures: dict[str, Cell] = {
        "decided_per_s": measured.per_s,
        **({"first_per_s": first.per_s} if first is not None else {}),
        "cpu_each_us": measured.cpu_us_each,
        "busy_cores": measured.cores,
        "used_by_others_cores": measured.others_cores,
        "transactions": measured.count,
        "took_s": measured.seconds,
        "started_after_s": measured.started_after_s,
        "missing": measured.matched.missing,
        "repeated": measured.matched.repeated,
        "simulator_per_s": simulator_per_s,
    }
    tables = [_cpu_table(measured), stage_table(measured.stages, measured.count)]
    since = "seconds since the first decision"
    plots = [
        Plot(CPU_BY_PART, since, "cores", measured.cores_by_second),
        Plot("Decisions a second", since, "decisions a second", {"decisions": rate_by_second(measured.decided_at)}),
    ]
    show(run.result(figures, tables, plots, STAGE_NOTES), out)


def drained(
    settings: Settings, transactions: int, users: int, merchants: int, warm: int = 0
) -> tuple[Drained, Drained | None, float]:
    """A backlog sent and worked off, one that was before it, and how many were sent a second."""
    rate = 1_000 / natural_speedup(1_000, users)
    with bench(settings, start_from="earliest") as run:
        simulator = Simulator(options_until_now(rate, warm + transactions, 0, users=users, merchants=merchants))
        sent, sending_s = _send(open_feed(run.settings), simulator, warm or transactions)
        first = drain_backlog(run, sent.transactions, say)
        if not warm:
            return first, None, sent.transactions / sending_s
        held, since_ms = (
            kafka_clients.held_producer(run.settings, f"{run.settings.job.name}-backlog"),
            time.time() * 1000,
        )
        sent, sending_s = _send(open_feed(run.settings, sender=held), simulator, transactions)
        return drain_next(run, sent.transactions, since_ms, held.release), first, sent.transactions / sending_s


def _send(feed: Feed, simulator: Simulator, transactions: int) -> tuple[Sent, float]:
    begun = time.monotonic()
    sent = send_history(feed, simulator, transactions, lambda _: None)
    sending_s = time.monotonic() - begun
    say(f"{sent.transactions:,} transactions sent in {sending_s:.1f} s")
    return sent, sending_s


def _cpu_table(measured: Drained) -> Table:
    rows: list[list[Cell]] = [
        [name, round(used / measured.seconds, 3), used / measured.count * 1e6] for name, used in measured.cpu.items()
    ]
    return Table(CPU_BY_PART, ["part", "cores", "us a transaction"], rows)
