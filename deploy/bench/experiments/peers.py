"""Peers experiment: Stream Sentinel and what a team would use instead, on the same records in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TypeVar

from apps.bench.latency import P99_SLO_MS
from apps.bench.result import Cell, Plot, Result, Table
from apps.peers import all_peers
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.simulator.sending import send_history
from apps.simulator.simulator import Simulator
from deploy.bench.harness import BenchRun, Report, bench_run
from deploy.bench.output import recording
from deploy.bench.peers.in_memory import run_in_memory
from deploy.bench.peers.rate_ramp import RampPlan, RateRamp, RateStep, max_rate_within_slo
from deploy.bench.peers.report import guarantees_table, live_plot, live_table, shares_of_ceilings, throughput_table
from deploy.bench.peers.runner import Runner, start_peer, start_sentinel
from deploy.bench.peers.throughput import Throughput, measure_throughput
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from deploy.errors import OperationError
from deploy.signals import interrupt_on_termination
from flink_jobs.settings import Settings

T = TypeVar("T")
MAX_LIVE_HISTORY = 20_000
SENTINEL = Peer(
    name="sentinel",
    title="Stream Sentinel",
    module="flink_jobs.job",
    runtime=Runtime.ON_FLINK,
    guarantees=Guarantees(
        state="RocksDB with checkpoints (5 s), including clocks",
        alerts="exactly once, with the checkpoint",
        late="corrected; lateness judged by partition",
        live="rules, patterns, thresholds",
        rescale="savepoint, covered by a test",
    ),
)
NOTES = (
    "Every system decides the same records with the same stages, rules, patterns and model, one system after another, "
    "and writes decisions and alerts to separate topics. See docs/benchmarks/method.md for the conditions.",
    "Rates are by the broker's clock, from the first decision's append to the last one's. Steady rates, busy cores and "
    "CPU are of the second half of that time, when JVMs are warm. CPU is of the system and its store; the broker has a "
    "separate column. The plain loops neither read nor write Kafka while they are measured.",
    "Where two cores are two threads of one physical core, each may do less while the other is busy: the ceiling for a "
    "system that uses both is the plain loop in two processes.",
    "A slow system has decided less of the backlog when its time is over, and so has smaller profiles.",
)


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """Systems of the experiment, and their load.

    Attributes:
        transactions: size of the backlog.
        seconds: how long each system may work at it.
        users: users of the simulation.
        only: names of the systems; empty or None for all.
        backlog: whether throughput is measured.
        live: rates at which latency is measured; empty or None for none.
        live_seconds: warm-up of each rate, and also length of its measurement, seconds.
    """

    transactions: int
    seconds: float
    users: int
    only: Sequence[str] | None
    backlog: bool
    live: Sequence[float] | None
    live_seconds: float


def run(settings: Settings, options: ComparisonOptions, report: Report) -> Result:
    """Run the experiment on the local stack. A peer that cannot be measured is left out, with a note.

    Must be called from the main thread: ending signals clean up before they end the process.

    Raises:
        OperationError: an unknown system, the stack does not run, or Stream Sentinel cannot be measured.
    """
    comparison = _Comparison(settings, options, report)
    recorded = recording("peers", settings, asdict(options))
    tables: list[Table] = []
    plots: list[Plot] = []
    figures: dict[str, Cell] = {}
    with interrupt_on_termination():
        if options.backlog:
            measured = comparison.measure_throughputs()
            figures |= _throughput_figures(measured)
            tables += [throughput_table(measured), guarantees_table(measured)]
        if options.live:
            plan = RampPlan(
                rates=sorted(options.live),
                warm_up_s=options.live_seconds,
                seconds=options.live_seconds,
                history=min(options.transactions, MAX_LIVE_HISTORY),
                users=options.users,
            )
            ramps = comparison.measure_ramps(plan)
            figures |= _live_figures(ramps)
            tables.append(live_table(ramps))
            plots.append(live_plot(ramps))
    return recorded.result(figures, tables, plots, [*NOTES, *comparison.failures])


class _Comparison:
    """Measures one system after another.

    Attributes:
        failures: a note for each peer that could not be measured.
    """

    def __init__(self, settings: Settings, options: ComparisonOptions, report: Report) -> None:
        self._settings, self._options, self._report = settings, options, report
        self._systems = _select(options.only)
        self.failures: list[str] = []

    def measure_throughputs(self) -> dict[Peer, Throughput]:
        """Send one backlog, and let every system decide it."""
        options = self._options
        measured: dict[Peer, Throughput] = {}
        with bench_run(self._settings, start_from="earliest") as run:
            rate = 1_000 / natural_speedup(1_000, options.users)
            simulator = Simulator(options_until_now(rate, options.transactions, 0, users=options.users))
            feed = open_feed(run.settings)
            sent = send_history(feed, simulator, options.transactions, lambda _: None).transactions
            self._report(f"{sent:,} transactions sent")
            for system in self._systems:
                found = self._attempt(system, lambda system=system: self._throughput(system, run, sent))  # type: ignore[misc]
                if found is not None:
                    measured[system] = found
                    self._report(f"{system.title}: {found.decisions:,} decided, {found.per_s:,.0f}/s")
        return measured

    def measure_ramps(self, plan: RampPlan) -> dict[Peer, list[RateStep]]:
        """Offer rising rates to every system that reads Kafka live."""
        measured: dict[Peer, list[RateStep]] = {}
        for system in self._systems:
            if system.runtime is Runtime.IN_MEMORY:
                continue
            steps = self._attempt(system, lambda system=system: self._ramp(system, plan))  # type: ignore[misc]
            if steps is not None:
                measured[system] = steps
                latencies = ", ".join(f"{step.rate:,.0f}/s {step.p99_ms or 'backlog'}" for step in steps)
                self._report(f"{system.title}: {latencies}")
        return measured

    def _throughput(self, system: Peer, run: BenchRun, sent: int) -> Throughput:
        if system.runtime is Runtime.IN_MEMORY:
            return run_in_memory(system, run.settings, self._report)
        with self._start(system, run.settings) as runner:
            return measure_throughput(runner, sent, self._options.seconds)

    def _ramp(self, system: Peer, plan: RampPlan) -> list[RateStep]:
        with bench_run(self._settings, start_from="earliest") as run:
            ramp = RateRamp(run.settings, plan)
            ramp.send_history()
            with self._start(system, run.settings) as runner:
                return ramp.ramp_up(runner)

    def _start(self, system: Peer, settings: Settings) -> AbstractContextManager[Runner]:
        if system is SENTINEL:
            return start_sentinel(settings, self._report)
        return start_peer(system, settings, self._report)

    def _attempt(self, system: Peer, measure: Callable[[], T]) -> T | None:
        """Measure a system; when a peer fails, note it and return None."""
        try:
            return measure()
        except OperationError as error:
            if system is SENTINEL:
                raise
            self._report(f"{system.title}: {error}")
            self.failures.append(f"{system.title} has no figures: {error}")
            return None


def _select(only: Sequence[str] | None) -> list[Peer]:
    systems = {system.name: system for system in (SENTINEL, *all_peers())}
    unknown = sorted(set(only or ()) - systems.keys())
    if unknown:
        raise OperationError(f"there is no system {', '.join(unknown)}: there are {', '.join(systems)}")
    return [system for name, system in systems.items() if not only or name in only]


def _throughput_figures(measured: dict[Peer, Throughput]) -> dict[str, Cell]:
    figures: dict[str, Cell] = {f"{system.figure}_per_s": round(found.per_s) for system, found in measured.items()}
    for ceiling, shares in shares_of_ceilings(measured).items():
        if SENTINEL in shares:
            figures[f"sentinel_of_{ceiling.figure}_per_core_percent"] = shares[SENTINEL]
    return figures


def _live_figures(ramps: dict[Peer, list[RateStep]]) -> dict[str, Cell]:
    return {
        f"{system.figure}_within_{P99_SLO_MS:.0f}_ms_up_to_per_s": max_rate_within_slo(steps)
        for system, steps in ramps.items()
    }
