"""``sentinel bench live``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import typer

from apps.bench.curve_fit import crossing
from apps.bench.latency import Matched
from apps.bench.result import Cell, Plot, Table
from apps.bench.timeline import percentile_by_second, percentile_curve
from apps.simulator.sending import send_history
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.harness import OTHERS, bench
from deploy.bench.open_loop import Offering, Phase
from deploy.bench.output import Out, recording, show
from deploy.bench.stage_table import STAGE_NOTES, stage_table
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.console import say
from flink_jobs.settings import load_settings

LIMIT_MS = 250.0
BURST_S = 5.0
_NOTES = (
    "Open loop: the moment at which each record is due is fixed, and the record written, before the first is sent. "
    "What is sent late still counts from when it was due; how late the generator was stands in the table.",
    "append to append is from the broker's stamp of the transaction to that of its decision; due to append begins when "
    "the transaction was due, and so holds the generator's lateness and the way to the broker as well.",
    "CPU is of the whole of a rate with its lead-in, in cores. The load generator runs on the same machine.",
)

Measured = tuple[Phase, Matched, Matched]


def live(
    rate: Annotated[list[float], typer.Option(min=1, help="Transactions a second; may be given several times.")] = [  # noqa: B006
        1_000.0
    ],
    seconds: Annotated[float, typer.Option(min=5, help="How long each rate is measured.")] = 60.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before the first rate, at that rate.")] = 60.0,
    lead_in: Annotated[float, typer.Option(min=0, help="Seconds before each later rate, at that rate.")] = 10.0,
    burst: Annotated[float, typer.Option(min=0, help="Afterwards five seconds at this rate; 0 for none.")] = 0.0,
    history: Annotated[int, typer.Option(min=0, help="Transactions before all that, to fill the profiles.")] = 100_000,
    users: Annotated[int, typer.Option(min=100, help="Users of the simulation.")] = 10_000,
    out: Out = None,
) -> None:
    """Offer steady rates, open loop, and measure latency by the broker's clock, from append to append.

    A rate whose backlog is not worked off within two minutes after its end is the last that is offered.
    """
    settings = load_settings()
    options = {"rate": rate, "seconds": seconds, "warm_up": warm_up, "lead_in": lead_in, "burst": burst}
    kept = recording("live", settings, options | {"history": history, "users": users})
    plan = [(each, lead_in if number else warm_up, seconds) for number, each in enumerate(rate)]
    plan += [(burst, 0.0, BURST_S)] if burst else []
    with bench(settings, start_from="earliest") as run:
        base = rate[0] / natural_speedup(rate[0], users)
        live_s = sum((lead_s + measured_s) * each for each, lead_s, measured_s in plan) / base
        simulator = Simulator(options_until_now(base, history, live_s, users=users))
        sent = send_history(open_feed(run.settings), simulator, history, lambda _: None)
        job = run.submit(say)
        run.await_decisions(sent.transactions, DRAINED_WITHIN_S)
        offering = Offering(run, job.id, simulator, sent.transactions)
        phases: list[Phase] = []
        for each, lead_s, measured_s in plan:
            say(f"{each:,.0f}/s for {lead_s + measured_s:.0f} s")
            phases.append(offering.offer(each, lead_s, measured_s))
            if not phases[-1].worked_off:
                say(f"{each:,.0f}/s is not worked off: no higher rate is offered")
                break
        appended, (decided, repeated) = dict(run.transactions()), run.first_decisions()
    measured = [(phase, *phase.latencies(appended, decided)) for phase in phases]
    bursts = measured[len(rate) :]
    show(
        kept.result(
            _figures(measured[: len(rate)]) | _burst_figures(bursts) | {"repeated": repeated},
            [
                *_latency_tables(measured),
                _cpu_table(phases),
                *(
                    stage_table(
                        phase.stages, len(phase.offered.due_ms), f"Stages at {phase.rate:,.0f}/s, for a transaction"
                    )
                    for phase in phases
                ),
            ],
            _plots(measured[: len(rate)]),
            _NOTES + STAGE_NOTES,
        ),
        out,
    )


def _figures(measured: Sequence[Measured]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {}
    if len(measured) == 1:
        phase, by_append, _ = measured[0]
        figures = {"offered_per_s": phase.rate}
        figures |= {f"{name.replace('.', '_')}_ms": value for name, value in by_append.percentiles().items()}
    else:
        figures = {
            f"p99_at_{phase.rate:.0f}_ms": by_append.percentiles().get("p99") for phase, by_append, _ in measured
        }
        figures["p99_leaves_250_ms_at"] = _leaves(measured)
    others = sum(phase.cpu[OTHERS] for phase, _, _ in measured) / sum(phase.offered.took_s for phase, _, _ in measured)
    figures["used_by_others_cores"] = others
    return figures | {"missing": sum(by_due.missing for _, _, by_due in measured)}


def _leaves(measured: Sequence[Measured]) -> str:
    """Between which rates, by a straight line, p99 rises above the limit."""
    points = [(phase.rate, by_append.percentiles().get("p99", np.inf)) for phase, by_append, _ in measured]
    found = crossing(points, LIMIT_MS)
    if found is None:
        return f"above {max(rate for rate, _ in points):,.0f}/s"
    return f"about {found:,.0f}/s" if found > min(rate for rate, _ in points) else f"below {found:,.0f}/s"


def _burst_figures(bursts: Sequence[Measured]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {}
    for _, by_append, by_due in bursts:
        settled = float(np.nanmax(by_append.sent + by_append.waited)) - float(by_append.sent.max())
        figures |= {
            "burst_p99_ms": by_append.percentiles().get("p99"),
            "burst_worked_off_after_s": settled / 1000,
            "burst_missing": by_due.missing,
        }
    return figures


def _latency_tables(measured: Sequence[Measured]) -> list[Table]:
    names = ("p50", "p95", "p99", "p99.9", "max")
    by_append: list[list[Cell]] = []
    by_due: list[list[Cell]] = []
    for phase, appended, due in measured:
        rate, found, found_due = int(phase.rate), appended.percentiles(), due.percentiles()
        by_append.append([rate, len(due.sent), due.missing, *map(found.get, names)])
        worked_off = "yes" if phase.worked_off else "no"
        by_due.append([rate, *map(found_due.get, names), phase.late_ms(99), phase.late_ms(100), worked_off])
    return [
        Table("Latency, append to append, ms", ["offered, /s", "sent", "missing", *names], by_append),
        Table(
            "Latency from when it was due, and how late the load generator was, ms",
            ["offered, /s", *names, "late p99", "late max", "worked off"],
            by_due,
        ),
    ]


def _cpu_table(phases: Sequence[Phase]) -> Table:
    parts = list(phases[0].cpu)
    rows: list[list[Cell]] = [
        [int(phase.rate), *(round(phase.cpu[part] / phase.offered.took_s, 3) for part in parts)] for phase in phases
    ]
    return Table("CPU by rate, cores", ["offered, /s", *parts], rows)


def _plots(measured: Sequence[Measured]) -> list[Plot]:
    plots = [
        Plot(
            "Percentiles, append to append",
            "one in so many is slower (100: p99)",
            "ms",
            {f"{phase.rate:,.0f}/s": percentile_curve(by_append.waited) for phase, by_append, _ in measured},
            log_x=True,
        )
    ]
    if len(measured) > 1:
        series = {
            name: [(phase.rate, found[name]) for phase, by, _ in measured if (found := by.percentiles())]
            for name in ("p50", "p95", "p99")
        }
        plots.append(Plot("Latency by rate", "transactions offered a second", "ms", series))
    for percentile in (50, 99):
        series = {
            f"{phase.rate:,.0f}/s": percentile_by_second(by.sent, by.waited, percentile) for phase, by, _ in measured
        }
        plots.append(Plot(f"p{percentile} by second", "seconds since the first that counts", "ms", series))
    return plots
