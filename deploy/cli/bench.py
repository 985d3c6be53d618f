"""``sentinel bench drain``, ``live``, ``features`` and ``patterns``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.table import Table

from apps.bench import features as features_bench
from apps.bench import patterns as patterns_bench
from apps.bench.latency import Matched
from apps.simulator.sending import Feed, Sent, send_history, send_live
from apps.simulator.simulator import Simulator
from deploy.benchmark import Bench, CpuTimes, bench
from deploy.cli.output import console, say
from deploy.simulation import natural_speedup, open_feed, options_until_now
from flink_jobs.settings import load_settings

app = typer.Typer(help="Measure the whole job on the local stack, under names of its own.", no_args_is_help=True)
Output = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as well.")]
Users = Annotated[int, typer.Option(min=100, help="Users of the simulation.")]

_DRAINED_WITHIN_S = 900.0
_SETTLED_WITHIN_S = 60.0


@app.command()
def drain(
    transactions: Annotated[int, typer.Option(min=1_000, help="Size of the backlog.")] = 500_000,
    users: Users = 10_000,
    merchants: Annotated[int, typer.Option(min=10, help="Merchants of the simulation.")] = 2_000,
    json: Output = None,
) -> None:
    """Send a backlog, then start the job, and measure how fast it is worked off."""
    settings = load_settings()
    with bench(settings, start_from="earliest") as run:
        sent, sending_s = _send_backlog(run, transactions, users, merchants)
        say(f"{sent.transactions:,} transactions sent in {sending_s:.1f} s: {sent.transactions / sending_s:,.0f}/s")
        run.submit()
        # Not before: a submission may restart the TaskManagers.
        before, running_at = CpuTimes.now(settings), time.time() * 1000
        run.await_decisions(sent.transactions, _DRAINED_WITHIN_S, lambda _: None)
        cpu = CpuTimes.now(settings).since(before)
        matched = run.matched()
        figures = _drain_figures(matched, running_at, cpu) | {"simulator_per_s": round(sent.transactions / sending_s)}
    _show("drain", figures, json)


@app.command()
def live(
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second.")] = 1_000.0,
    seconds: Annotated[float, typer.Option(min=5, help="How long is measured.")] = 60.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before that, at the same rate.")] = 60.0,
    burst: Annotated[float, typer.Option(min=0, help="Afterwards five seconds at this rate; 0 for none.")] = 0.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions before all that, to fill the profiles.")] = 100_000,
    users: Users = 10_000,
    json: Output = None,
) -> None:
    """Offer a steady load and measure latency by the broker's clock, from append to append."""
    settings = load_settings()
    with bench(settings, start_from="earliest") as run:
        pace = natural_speedup(rate, users)
        feed = open_feed(run.settings)
        live_s = (warm_up + seconds + 5 * burst / rate) * pace
        simulator = Simulator(options_until_now(rate / pace, history, live_s, users=users))
        sent = send_history(feed, simulator, history, lambda _: None)
        run.submit()
        run.await_decisions(sent.transactions, _DRAINED_WITHIN_S, lambda _: None)
        before = CpuTimes.now(settings)
        begun = time.time()
        sent += send_live(feed, simulator, warm_up + seconds, pace, lambda _: None)
        ended = time.time()
        cpu = CpuTimes.now(settings).since(before)
        figures: dict[str, Any] = {"offered_per_s": rate, "seconds": seconds}
        if burst:
            sent += _burst(feed, simulator, burst, pace * burst / rate)
        run.await_decisions(sent.transactions, _SETTLED_WITHIN_S, lambda _: None)
        matched = run.matched()
        steady = matched.between((begun + warm_up) * 1000, ended * 1000)
        figures |= {"decided": len(steady.sent), **_rounded(steady.percentiles())}
        figures |= {f"cores_{name}": round(used / (ended - begun), 2) for name, used in cpu.items()}
        if burst:
            figures |= _burst_figures(matched, ended)
        figures |= {"missing": matched.missing, "repeated": matched.repeated}
    _show("live", figures, json)


@app.command()
def features() -> None:
    """Measure what features and packed profiles cost, in this process and without Flink."""
    console.print(features_bench.table())


@app.command()
def patterns() -> None:
    """Measure what patterns cost an ordinary payment, from 8 to 64 of them, in this process and without Flink."""
    console.print(patterns_bench.table())


def _send_backlog(run: Bench, transactions: int, users: int, merchants: int) -> tuple[Sent, float]:
    rate = 1_000 / natural_speedup(1_000, users)
    simulator = Simulator(options_until_now(rate, transactions, 0, users=users, merchants=merchants))
    begun = time.monotonic()
    sent = send_history(open_feed(run.settings), simulator, transactions, lambda _: None)
    return sent, time.monotonic() - begun


def _drain_figures(matched: Matched, running_at: float, cpu: dict[str, float]) -> dict[str, Any]:
    decided = matched.sent + matched.waited
    decided = decided[~np.isnan(decided)]
    first, last = float(decided.min()), float(decided.max())
    count = len(decided)
    return {
        "transactions": len(matched.sent),
        "missing": matched.missing,
        "repeated": matched.repeated,
        "seconds": round((last - first) / 1000, 1),
        "per_s": round(count / (last - first) * 1000),
        "per_s_since_running": round(count / (last - running_at) * 1000),
        **{f"cpu_us_each_{name}": round(used / count * 1e6, 1) for name, used in cpu.items()},
    }


def _burst(feed: Feed, simulator: Simulator, rate: float, speedup: float) -> Sent:
    say(f"burst: {rate:,.0f}/s for 5 s")
    return send_live(feed, simulator, 5.0, speedup, lambda _: None)


def _burst_figures(matched: Matched, began: float) -> dict[str, Any]:
    burst = matched.between(began * 1000, np.inf)
    settled = float(np.nanmax(burst.sent + burst.waited)) - float(burst.sent.max())
    found = {f"burst_{name}": value for name, value in _rounded(burst.percentiles()).items()}
    return {"burst_decided": len(burst.sent), **found, "burst_worked_off_after_s": round(settled / 1000, 1)}


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {f"{name}_ms": round(value) for name, value in figures.items()}


def _show(name: str, figures: dict[str, Any], file: Path | None) -> None:
    table = Table(name, "")
    for key, value in figures.items():
        table.add_row(key, f"{value:,}")
    console.print(table)
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")
