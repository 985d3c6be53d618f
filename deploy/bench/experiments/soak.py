"""``sentinel bench soak``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from apps.bench.result import Cell, Plot, Table
from apps.bench.timeline import percentile_by_second
from apps.bench.trend import growth_per_ten_minutes
from apps.simulator.sending import Sent, send_history, send_live
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.harness import bench
from deploy.bench.output import Out, recording, show
from deploy.bench.resources import Sampler, Series
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.console import say
from flink_jobs.settings import load_settings

SAMPLED_EVERY_S = 10.0
LAST_S = 20 * 60.0
SETTLED_WITHIN_S = 120.0


def soak(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long.")] = 30.0,
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 1_000.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions before that, to fill the profiles.")] = 100_000,
    users: Annotated[int, typer.Option(min=100, help="Users of the simulation.")] = 10_000,
    out: Out = None,
) -> None:
    """Offer a steady load for long, and see whether memory, state, checkpoints and latency stay flat.

    Flatness is how much a line through the samples of the last 20 minutes rises in ten minutes, in percent of their
    mean. Event time goes as fast as so many users pay so often, so that profiles fill and forget within the run.
    """
    settings = load_settings()
    options = {"minutes": minutes, "rate": rate, "history": history, "users": users}
    kept = recording("soak", settings, options)
    with bench(settings, start_from="earliest") as run:
        pace = natural_speedup(rate, users)
        simulator = Simulator(options_until_now(rate / pace, history, minutes * 60 * pace, users=users))
        feed = open_feed(run.settings)
        sent = send_history(feed, simulator, history, lambda _: None)
        job = run.submit(say)
        run.await_decisions(sent.transactions, DRAINED_WITHIN_S)
        sampler = Sampler(run.settings, job.id, SAMPLED_EVERY_S)
        behind = [0.0]

        def note(now: Sent) -> None:
            behind[0] = max(behind[0], now.behind_s)

        with sampler.sampling():
            live = send_live(feed, simulator, minutes * 60, pace, note)
        run.await_decisions(sent.transactions + live.transactions, SETTLED_WITHIN_S)
        matched = run.matched()
    steady = matched.between(float(matched.sent[sent.transactions]), float("inf"))
    latency: Series = {
        f"p{percentile}": percentile_by_second(steady.sent, steady.waited, percentile, SAMPLED_EVERY_S)
        for percentile in (50, 99)
    }
    shown = {
        "Resident memory, MiB": ("MiB", sampler.memory_mib),
        "State, MiB": ("MiB", sampler.state_mib),
        "Time of checkpoints, ms": ("ms", sampler.checkpoint_ms),
        "Latency, append to append, ms": ("ms", latency),
    }
    figures: dict[str, Cell] = {
        "offered_per_s": rate,
        "minutes": minutes,
        "memory_in_10_min_percent": _steepest(sampler.memory_mib),
        "state_in_10_min_percent": _growth(sampler.state_mib, "checkpointed state"),
        "checkpoint_time_in_10_min_percent": _growth(sampler.checkpoint_ms, "last checkpoint"),
        "p99_in_10_min_percent": _growth(latency, "p99"),
        **{f"{name.replace('.', '_')}_ms": value for name, value in steady.percentiles().items()},
        "failed_checkpoints": sampler.failed,
        "missing": matched.missing,
        "repeated": matched.repeated,
        "sender_behind_most_s": behind[0],
    }
    notes = (
        "In 10 min: how much a line through the last 20 minutes, or through all of a shorter run, rises in ten "
        "minutes, in percent of the mean; of memory it is that of the component that grows most. One sample in 10 s.",
        "RocksDB's files are those of all TaskManagers, between two compactions as well; checkpointed state is what "
        "the last checkpoint refers to.",
    )
    plots = [Plot(title, "seconds", unit, series) for title, (unit, series) in shown.items()]
    tables = [_table(title, series) for title, (_, series) in shown.items()]
    show(kept.result(figures, tables, plots, notes), out)


def _table(title: str, series: Series) -> Table:
    columns = ["", "first", "last", "most", "in 10 min, %"]
    rows: list[list[Cell]] = [
        [name, points[0][1], points[-1][1], max(value for _, value in points), _growth(series, name)]
        for name, points in series.items()
        if points
    ]
    return Table(title, columns, rows)


def _growth(series: Mapping[str, list[tuple[float, float]]], name: str) -> float | None:
    return growth_per_ten_minutes(series[name], LAST_S) if series.get(name) else None


def _steepest(series: Series) -> float | None:
    found = [growth for name in series if (growth := _growth(series, name)) is not None]
    return max(found, default=None)
