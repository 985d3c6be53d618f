"""Live experiment: latency at steady rates, open loop, from append to append by the broker's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from apps.bench.curve_fit import crossing
from apps.bench.latency import P99_SLO_MS, MatchedDecisions
from apps.bench.result import Cell, Plot, Result, Table
from apps.bench.timeline import percentile_by_second, percentile_curve
from apps.simulator.sending import send_history
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.cpu import OTHERS
from deploy.bench.harness import Report, bench_run
from deploy.bench.hop_table import HOP_NOTES, hop_table, stand_still_table
from deploy.bench.open_loop import OpenLoop, RatePhase
from deploy.bench.output import recording
from deploy.bench.stage_table import STAGE_NOTES, stage_table
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from flink_jobs.settings import Settings

BURST_S = 5.0
_NOTES = (
    "Open loop: when each record is due is fixed, and the record encoded, before the first is sent. The latency of a "
    "record that is sent late still counts from when it was due; the table has the lateness of the load generator.",
    "Append to append is from the broker's timestamp of the transaction to that of its decision. Due to append begins "
    "when the transaction was due, and so includes the generator's lateness and the way to the broker.",
    "CPU is measured over the whole of a rate with its lead-in, in cores. The load generator runs on the same machine.",
)


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """Load of the experiment.

    Attributes:
        rate: transactions per second, one rate after another.
        seconds: how long each rate is measured.
        warm_up: seconds before the first rate, at that rate.
        lead_in: seconds before each later rate, at that rate.
        burst: rate of five seconds at the end; 0 for none.
        history: transactions before the first rate, which fill the profiles.
        users: users of the simulation.
    """

    rate: Sequence[float]
    seconds: float
    warm_up: float
    lead_in: float
    burst: float
    history: int
    users: int

    def plan(self) -> list[tuple[float, float, float]]:
        """Return rate, lead-in and measured seconds of each phase."""
        phases = [
            (rate, self.lead_in if number else self.warm_up, self.seconds) for number, rate in enumerate(self.rate)
        ]
        return phases + ([(self.burst, 0.0, BURST_S)] if self.burst else [])


class MeasuredPhase(NamedTuple):
    """One phase with its latencies, from append and from due time, and its mean latency with the lead-in, ms."""

    phase: RatePhase
    by_append: MatchedDecisions
    by_due: MatchedDecisions
    mean_ms: float


def run(settings: Settings, options: LiveOptions, report: Report) -> Result:
    """Run the experiment on the local stack; a rate that is not decided within two minutes is the last.

    Raises:
        OperationError: the stack does not run, or the history is not decided in time.
    """
    recorded = recording("live", settings, asdict(options))
    measured, repeated = _measure(settings, options, report)
    rates, bursts = measured[: len(options.rate)], measured[len(options.rate) :]
    phases = [each.phase for each in measured]
    stage_tables = [
        stage_table(phase.stage_costs, len(phase.load.due_ms), f"Stages at {phase.rate:,.0f}/s, per transaction")
        for phase in phases
    ]
    return recorded.result(
        _figures(rates) | _burst_figures(bursts) | {"repeated": repeated},
        [*_latency_tables(measured), *_hop_tables(measured), _cpu_table(phases), *stage_tables],
        _plots(rates),
        _NOTES + HOP_NOTES + STAGE_NOTES,
    )


def _measure(settings: Settings, options: LiveOptions, report: Report) -> tuple[list[MeasuredPhase], int]:
    """Offer all rates; return the phases, and the number of repeated decisions."""
    plan = options.plan()
    with bench_run(settings, start_from="earliest") as run:
        base = options.rate[0] / natural_speedup(options.rate[0], options.users)
        live_s = sum((lead_in_s + seconds) * rate for rate, lead_in_s, seconds in plan) / base
        simulator = Simulator(options_until_now(base, options.history, live_s, users=options.users))
        sent = send_history(open_feed(run.settings), simulator, options.history, lambda _: None)
        job = run.submit(report)
        run.await_decisions(sent.transactions, DRAINED_WITHIN_S)
        open_loop = OpenLoop(run, job.id, simulator, sent.transactions)
        phases: list[RatePhase] = []
        for rate, lead_in_s, seconds in plan:
            report(f"{rate:,.0f}/s for {lead_in_s + seconds:.0f} s")
            phases.append(open_loop.run_phase(rate, lead_in_s, seconds))
            if not phases[-1].worked_off:
                report(f"{rate:,.0f}/s is not decided in time: no further rate is offered")
                break
        appended, (decided, repeated) = dict(run.transactions()), run.first_decisions()
    return [
        MeasuredPhase(phase, *phase.latencies(appended, decided), phase.mean_latency_ms(appended, decided))
        for phase in phases
    ], repeated


def _figures(measured: Sequence[MeasuredPhase]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {}
    if len(measured) == 1:
        phase, by_append, *_ = measured[0]
        figures = {"offered_per_s": phase.rate}
        figures |= {f"{name.replace('.', '_')}_ms": value for name, value in by_append.percentiles().items()}
    else:
        figures = {
            f"p99_at_{phase.rate:.0f}_ms": by_append.percentiles().get("p99") for phase, by_append, *_ in measured
        }
        figures["p99_leaves_250_ms_at"] = _slo_exceeded_at(measured)
    others_s = sum(phase.cpu_s[OTHERS] for phase, *_ in measured)
    figures["used_by_others_cores"] = others_s / sum(phase.load.took_s for phase, *_ in measured)
    return figures | {"missing": sum(by_due.missing for _, _, by_due, _ in measured)}


def _slo_exceeded_at(measured: Sequence[MeasuredPhase]) -> str:
    """Rate at which p99 exceeds the objective, interpolated between the measured rates."""
    points = [(phase.rate, by_append.percentiles().get("p99", np.inf)) for phase, by_append, *_ in measured]
    found = crossing(points, P99_SLO_MS)
    if found is None:
        return f"above {max(rate for rate, _ in points):,.0f}/s"
    return f"about {found:,.0f}/s" if found > min(rate for rate, _ in points) else f"below {found:,.0f}/s"


def _burst_figures(bursts: Sequence[MeasuredPhase]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {}
    for _, by_append, by_due, _ in bursts:
        worked_off_ms = float(np.nanmax(by_append.sent_at + by_append.latency_ms)) - float(by_append.sent_at.max())
        figures |= {
            "burst_p99_ms": by_append.percentiles().get("p99"),
            "burst_worked_off_after_s": worked_off_ms / 1000,
            "burst_missing": by_due.missing,
        }
    return figures


def _latency_tables(measured: Sequence[MeasuredPhase]) -> list[Table]:
    names = ("p50", "p95", "p99", "p99.9", "max")
    by_append_rows: list[list[Cell]] = []
    by_due_rows: list[list[Cell]] = []
    for phase, by_append, by_due, _ in measured:
        rate, append_ms, due_ms = int(phase.rate), by_append.percentiles(), by_due.percentiles()
        by_append_rows.append([rate, len(by_due.sent_at), by_due.missing, *map(append_ms.get, names)])
        worked_off = "yes" if phase.worked_off else "no"
        by_due_rows.append([rate, *map(due_ms.get, names), phase.late_ms(99), phase.late_ms(100), worked_off])
    return [
        Table("Latency, append to append, ms", ["offered, /s", "sent", "missing", *names], by_append_rows),
        Table(
            "Latency, due to append, and lateness of the load generator, ms",
            ["offered, /s", *names, "late p99", "late max", "worked off"],
            by_due_rows,
        ),
    ]


def _hop_tables(measured: Sequence[MeasuredPhase]) -> list[Table]:
    tables = []
    for phase, _, _, mean_ms in measured:
        times, payments = phase.hop_times, len(phase.load.due_ms)
        tables += [
            hop_table(times, payments, mean_ms, f"Where a payment's time goes at {phase.rate:,.0f}/s"),
            stand_still_table(times, f"Stand-still at a checkpoint at {phase.rate:,.0f}/s"),
        ]
    return tables


def _cpu_table(phases: Sequence[RatePhase]) -> Table:
    components = list(phases[0].cpu_s)
    rows: list[list[Cell]] = [
        [int(phase.rate), *(round(phase.cpu_s[name] / phase.load.took_s, 3) for name in components)] for phase in phases
    ]
    return Table("CPU by rate, cores", ["offered, /s", *components], rows)


def _around_checkpoints(phase: RatePhase, latencies: MatchedDecisions) -> Plot:
    """Latency by tenth of a second, with the checkpoints that Flink still lists."""
    times = latencies.sent_at
    begun_ms = float(times.min()) if len(times) else 0.0
    last_ms = float(times.max()) if len(times) else 0.0
    shaded = [
        ((max(begin, begun_ms) - begun_ms) / 1000, (min(end, last_ms) - begun_ms) / 1000)
        for begin, end in sorted(phase.checkpoints)
        if begin < last_ms and end > begun_ms
    ]
    return Plot(
        f"Latency around checkpoints (shaded) at {phase.rate:,.0f}/s",
        "seconds since the first that counts",
        "ms",
        {
            name: percentile_by_second(times, latencies.latency_ms, percentile, bin_s=0.1)
            for name, percentile in (("p50", 50), ("slowest", 100))
        },
        shaded=shaded,
    )


def _plots(measured: Sequence[MeasuredPhase]) -> list[Plot]:
    plots = [
        Plot(
            "Percentiles, append to append",
            "one in N is slower (100: p99)",
            "ms",
            {f"{phase.rate:,.0f}/s": percentile_curve(by_append.latency_ms) for phase, by_append, *_ in measured},
            log_x=True,
        )
    ]
    if len(measured) > 1:
        series = {
            name: [(phase.rate, found[name]) for phase, each, *_ in measured if (found := each.percentiles())]
            for name in ("p50", "p95", "p99")
        }
        plots.append(Plot("Latency by rate", "transactions offered a second", "ms", series))
    plots += [_around_checkpoints(phase, by_append) for phase, by_append, *_ in measured]
    for percentile in (50, 99):
        series = {
            f"{phase.rate:,.0f}/s": percentile_by_second(each.sent_at, each.latency_ms, percentile)
            for phase, each, *_ in measured
        }
        plots.append(Plot(f"p{percentile} by second", "seconds since the first that counts", "ms", series))
    return plots
