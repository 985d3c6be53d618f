"""Drain experiment: how fast the job decides a backlog, and the cost of a transaction in each component and stage."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import NamedTuple

from apps.bench.result import Cell, Plot, Result, Table
from apps.bench.timeline import rate_by_second
from apps.simulator.sending import Feed, SendProgress, send_history
from apps.simulator.simulator import Simulator
from deploy.bench.backlog import DrainResult, drain_backlog, drain_next_backlog
from deploy.bench.harness import Report, bench_run
from deploy.bench.listed import list_entries
from deploy.bench.output import recording
from deploy.bench.stage_table import STAGE_NOTES, stage_table
from deploy.clients import kafka_clients
from deploy.clients.simulated_feed import natural_speedup, open_feed, options_until_now
from flink_jobs.settings import Settings

CPU_BY_COMPONENT = "CPU by component"


@dataclass(frozen=True, kw_only=True)
class DrainOptions:
    """Load of the experiment.

    Attributes:
        transactions: size of the measured backlog.
        warm: size of a backlog that the job decides before; 0 for none.
        users: users of the simulation.
        merchants: merchants of the simulation.
        listed: entries of lists, of entities that never pay, that the job reads before the measured backlog; with
            ``warm`` only.
    """

    transactions: int
    warm: int
    users: int
    merchants: int
    listed: int = 0


class Drains(NamedTuple):
    """Measurements of the experiment.

    Attributes:
        measured: drain of the measured backlog.
        warm_up: drain of the backlog before; None without one.
        simulator_per_s: transactions that the simulator generated and sent per second.
        lists: figures of the import of list entries; none without them.
    """

    measured: DrainResult
    warm_up: DrainResult | None
    simulator_per_s: float
    lists: Mapping[str, Cell] = MappingProxyType({})


def run(settings: Settings, options: DrainOptions, report: Report) -> Result:
    """Run the experiment on the local stack.

    Raises:
        OperationError: the stack does not run, or the backlog is not decided in time.
    """
    recorded = recording("drain", settings, asdict(options))
    drains = run_drains(settings, options, report)
    measured = drains.measured
    figures: dict[str, Cell] = {
        "decided_per_s": measured.per_s,
        **({"first_per_s": drains.warm_up.per_s} if drains.warm_up is not None else {}),
        "cpu_each_us": measured.cpu_us_per_transaction,
        "busy_cores": measured.busy_cores,
        "used_by_others_cores": measured.others_cores,
        "transactions": measured.count,
        "took_s": measured.seconds,
        "started_after_s": measured.started_after_s,
        "missing": measured.matched.missing,
        "repeated": measured.matched.repeated,
        "simulator_per_s": drains.simulator_per_s,
        **drains.lists,
    }
    tables = [_cpu_table(measured), stage_table(measured.stage_costs, measured.count)]
    since = "seconds since the first decision"
    plots = [
        Plot(CPU_BY_COMPONENT, since, "cores", measured.cores_by_second),
        Plot("Decisions a second", since, "decisions a second", {"decisions": rate_by_second(measured.decided_at)}),
    ]
    return recorded.result(figures, tables, plots, STAGE_NOTES)


def run_drains(settings: Settings, options: DrainOptions, report: Report) -> Drains:
    """Drain the warm-up backlog, if there is one, and then the measured backlog.

    The measured backlog of a warm job is sent in one Kafka transaction, and so becomes visible all at once.

    Raises:
        OperationError: the stack does not run, or the backlog is not decided in time.
    """
    rate = 1_000 / natural_speedup(1_000, options.users)
    payments = options.warm + options.transactions
    with bench_run(settings, start_from="earliest") as run:
        simulator = Simulator(options_until_now(rate, payments, 0, users=options.users, merchants=options.merchants))
        sent, sending_s = _send(open_feed(run.settings), simulator, options.warm or options.transactions, report)
        first = drain_backlog(run, sent.transactions, report)
        if not options.warm:
            return Drains(first, None, sent.transactions / sending_s)
        listed = list_entries(run, options.listed, report) if options.listed else {}
        held = kafka_clients.held_producer(run.settings, f"{run.settings.job.name}-backlog")
        since_ms = time.time() * 1000
        sent, sending_s = _send(open_feed(run.settings, sender=held), simulator, options.transactions, report)
        measured = drain_next_backlog(run, sent.transactions, since_ms, held.commit)
        return Drains(measured, first, sent.transactions / sending_s, listed)


def _send(feed: Feed, simulator: Simulator, transactions: int, report: Report) -> tuple[SendProgress, float]:
    begun = time.monotonic()
    sent = send_history(feed, simulator, transactions, lambda _: None)
    sending_s = time.monotonic() - begun
    report(f"{sent.transactions:,} transactions sent in {sending_s:.1f} s")
    return sent, sending_s


def _cpu_table(measured: DrainResult) -> Table:
    rows: list[list[Cell]] = [
        [name, round(used / measured.seconds, 3), used / measured.count * 1e6] for name, used in measured.cpu_s.items()
    ]
    return Table(CPU_BY_COMPONENT, ["component", "cores", "us per transaction"], rows)
