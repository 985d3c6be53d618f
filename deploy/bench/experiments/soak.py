"""Soak experiment: a steady load for long, and the trend of memory, state, checkpoints and latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from apps.bench.latency import MatchedDecisions
from apps.bench.result import Cell, Plot, Result, Table
from apps.bench.timeline import percentile_by_second
from apps.bench.trend import growth_per_ten_minutes
from apps.simulator.sending import SendProgress, send_history, send_live
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import DRAINED_WITHIN_S
from deploy.bench.harness import Report, bench_run
from deploy.bench.output import recording
from deploy.bench.resources import ResourceTrace, Series
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from flink_jobs.settings import Settings

SAMPLED_EVERY_S = 10.0
TREND_S = 20 * 60.0
SETTLED_WITHIN_S = 120.0
NOTES = (
    "In 10 min: growth of a line fitted to the last 20 minutes, or to all of a shorter run, in ten minutes, percent of "
    "the mean; for memory that of the component that grows most. One sample in 10 s.",
    "RocksDB's files are those of all TaskManagers, including files that the next compaction deletes; checkpointed "
    "state is the size of all state that the last checkpoint refers to.",
)


@dataclass(frozen=True, kw_only=True)
class SoakOptions:
    """Load of the experiment.

    Attributes:
        minutes: length of the steady load.
        rate: transactions per second.
        history: transactions before, which fill the profiles.
        users: users of the simulation.
    """

    minutes: float
    rate: float
    history: int
    users: int


@dataclass(frozen=True)
class SoakMeasurement:
    """Measurements of a run.

    Attributes:
        resources: memory, state and checkpoints.
        matched: all transactions with their decisions.
        steady: transactions of the steady load with their decisions.
        max_behind_s: how far the sender was behind its pace at most, seconds.
    """

    resources: ResourceTrace
    matched: MatchedDecisions
    steady: MatchedDecisions
    max_behind_s: float


def run(settings: Settings, options: SoakOptions, report: Report) -> Result:
    """Run the experiment on the local stack.

    Raises:
        OperationError: the stack does not run, or history or load are not decided in time.
    """
    recorded = recording("soak", settings, asdict(options))
    measured = _measure(settings, options, report)
    resources, steady = measured.resources, measured.steady
    latency: Series = {
        f"p{percentile}": percentile_by_second(steady.sent_at, steady.latency_ms, percentile, SAMPLED_EVERY_S)
        for percentile in (50, 99)
    }
    series = {
        "Resident memory, MiB": ("MiB", resources.memory_mib),
        "State, MiB": ("MiB", resources.state_mib),
        "Time of checkpoints, ms": ("ms", resources.checkpoint_ms),
        "Latency, append to append, ms": ("ms", latency),
    }
    figures: dict[str, Cell] = {
        "offered_per_s": options.rate,
        "minutes": options.minutes,
        "memory_in_10_min_percent": _steepest(resources.memory_mib),
        "state_in_10_min_percent": _growth(resources.state_mib, "checkpointed state"),
        "checkpoint_time_in_10_min_percent": _growth(resources.checkpoint_ms, "last checkpoint"),
        "p99_in_10_min_percent": _growth(latency, "p99"),
        **{f"{name.replace('.', '_')}_ms": value for name, value in steady.percentiles().items()},
        "failed_checkpoints": resources.failed,
        "missing": measured.matched.missing,
        "repeated": measured.matched.repeated,
        "sender_behind_most_s": measured.max_behind_s,
    }
    tables = [_table(title, each) for title, (_, each) in series.items()]
    plots = [Plot(title, "seconds", unit, each) for title, (unit, each) in series.items()]
    return recorded.result(figures, tables, plots, NOTES)


def _measure(settings: Settings, options: SoakOptions, report: Report) -> SoakMeasurement:
    """Send history and steady load. Event time runs so fast that each user pays as often as people do."""
    seconds, max_behind_s = options.minutes * 60, 0.0

    def note_delay(sent: SendProgress) -> None:
        nonlocal max_behind_s
        max_behind_s = max(max_behind_s, sent.behind_s)

    with bench_run(settings, start_from="earliest") as run:
        speedup = natural_speedup(options.rate, options.users)
        simulator = Simulator(
            options_until_now(options.rate / speedup, options.history, seconds * speedup, users=options.users)
        )
        feed = open_feed(run.settings)
        history = send_history(feed, simulator, options.history, lambda _: None).transactions
        job = run.submit(report)
        run.await_decisions(history, DRAINED_WITHIN_S)
        resources = ResourceTrace(run.settings, job.id, SAMPLED_EVERY_S)
        with resources.tracing():
            live = send_live(feed, simulator, seconds, speedup, note_delay)
        run.await_decisions(history + live.transactions, SETTLED_WITHIN_S)
        matched = run.matched()
    steady = matched.between(float(matched.sent_at[history]), float("inf"))
    return SoakMeasurement(resources, matched, steady, max_behind_s)


def _table(title: str, series: Series) -> Table:
    columns = ["", "first", "last", "most", "in 10 min, %"]
    rows: list[list[Cell]] = [
        [name, points[0][1], points[-1][1], max(value for _, value in points), _growth(series, name)]
        for name, points in series.items()
        if points
    ]
    return Table(title, columns, rows)


def _growth(series: Mapping[str, list[tuple[float, float]]], name: str) -> float | None:
    return growth_per_ten_minutes(series[name], TREND_S) if series.get(name) else None


def _steepest(series: Series) -> float | None:
    found = [growth for name in series if (growth := _growth(series, name)) is not None]
    return max(found, default=None)
