"""Tables and plots that compare the systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.bench.latency import P99_SLO_MS
from apps.bench.result import Cell, Plot, Table
from apps.peers.peer import Peer, Runtime
from deploy.bench.peers.rate_ramp import RateStep, max_rate_within_slo
from deploy.bench.peers.throughput import Throughput


def throughput_table(measured: Mapping[Peer, Throughput]) -> Table:
    """Make a table of rates and costs, with each system's share of every measured ceiling."""
    shares = shares_of_ceilings(measured)
    columns = [
        "system",
        "decisions",
        "rate /s",
        "steady /s",
        "busy cores",
        "per core /s",
        *(f"of {ceiling.name}, %" for ceiling in shares),
        "CPU us",
        "store us",
        "broker us",
    ]
    rows: list[list[Cell]] = [
        [
            system.name,
            found.decisions,
            round(found.per_s),
            round(found.steady_per_s),
            round(found.busy_cores, 2),
            round(found.per_core_per_s),
            *(share_of[system] for share_of in shares.values()),
            round(found.cpu_us),
            round(found.store_us),
            round(found.broker_us),
        ]
        for system, found in measured.items()
    ]
    return Table("backlog", columns, rows)


def shares_of_ceilings(measured: Mapping[Peer, Throughput]) -> dict[Peer, dict[Peer, int]]:
    """Return for each measured ceiling the rate per core of every system as a share of the ceiling's, percent."""
    return {
        ceiling: {system: round(100 * found.per_core_per_s / most.per_core_per_s) for system, found in measured.items()}
        for ceiling, most in measured.items()
        if ceiling.runtime is Runtime.IN_MEMORY
    }


def guarantees_table(measured: Mapping[Peer, Throughput]) -> Table:
    """Make a table of the guarantees of each system, with its rate."""
    columns = ["system", "description", "rate /s", "state", "alerts", "late events", "live changes", "rescaling"]
    rows: list[list[Cell]] = [
        [
            system.name,
            system.title,
            round(found.per_s),
            system.guarantees.state,
            system.guarantees.alerts,
            system.guarantees.late,
            system.guarantees.live,
            system.guarantees.rescale,
        ]
        for system, found in measured.items()
    ]
    return Table("guarantees", columns, rows)


def live_table(ramps: Mapping[Peer, Sequence[RateStep]]) -> Table:
    """Make a table of latency by rate, and of the highest rate within the objective."""
    columns = ["system", "offered /s", "p50 ms", "p99 ms", f"p99 within {P99_SLO_MS:.0f} ms up to /s"]
    rows: list[list[Cell]] = [
        [system.name, step.rate, step.p50_ms, step.p99_ms, max_rate_within_slo(steps)]
        for system, steps in ramps.items()
        for step in steps
    ]
    return Table("live", columns, rows)


def live_plot(ramps: Mapping[Peer, Sequence[RateStep]]) -> Plot:
    """Plot p99 over the offered rate."""
    series = {
        system.name: [(step.rate, step.p99_ms) for step in steps if step.p99_ms is not None]
        for system, steps in ramps.items()
    }
    return Plot("live", "offered /s", "p99 ms", {name: points for name, points in series.items() if points})
