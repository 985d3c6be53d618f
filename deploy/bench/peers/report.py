"""What was found about the contestants, as tables and a plot of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.bench.result import Cell, Plot, Table
from apps.peers.peer import Peer, Runs
from deploy.bench.peers.backlog import Drained
from deploy.bench.peers.rate_ramp import LIMIT_MS, RateStep, max_rate_within_slo


def drained_table(drained: Mapping[Peer, Drained]) -> Table:
    """Rates and what they cost; and one column for each plain loop that was measured: shares of its rate per core."""
    shares = of_ceilings(drained)
    columns = [
        "contestant",
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
            peer.name,
            found.decisions,
            round(found.per_s),
            round(found.steady_per_s),
            round(found.busy_cores, 2),
            round(found.per_core_per_s),
            *(of[peer] for of in shares.values()),
            round(found.cpu_us),
            round(found.store_us),
            round(found.broker_us),
        ]
        for peer, found in drained.items()
    ]
    return Table("backlog", columns, rows)


def of_ceilings(drained: Mapping[Peer, Drained]) -> dict[Peer, dict[Peer, int]]:
    """For each ceiling that was measured, everybody's rate per core as a share of its own, percent."""
    return {
        ceiling: {peer: round(100 * found.per_core_per_s / most.per_core_per_s) for peer, found in drained.items()}
        for ceiling, most in drained.items()
        if ceiling.runs is Runs.IN_MEMORY
    }


def promises_table(drained: Mapping[Peer, Drained]) -> Table:
    """What each one promises, beside its rate."""
    columns = ["contestant", "what it is", "rate /s", "state", "alerts", "late events", "live changes", "rescaling"]
    rows: list[list[Cell]] = [
        [
            peer.name,
            peer.title,
            round(found.per_s),
            peer.promises.state,
            peer.promises.alerts,
            peer.promises.late,
            peer.promises.live,
            peer.promises.rescale,
        ]
        for peer, found in drained.items()
    ]
    return Table("promises", columns, rows)


def live_table(climbed: Mapping[Peer, Sequence[RateStep]]) -> Table:
    """Latency by rate, and the highest rate within the limit; empty where decisions could not keep up."""
    columns = ["contestant", "offered /s", "p50 ms", "p99 ms", f"p99 within {LIMIT_MS:.0f} ms up to /s"]
    rows: list[list[Cell]] = [
        [peer.name, rung.rate, rung.p50_ms, rung.p99_ms, max_rate_within_slo(rungs)]
        for peer, rungs in climbed.items()
        for rung in rungs
    ]
    return Table("live", columns, rows)


def live_plot(climbed: Mapping[Peer, Sequence[RateStep]]) -> Plot:
    """Latency over the offered rate."""
    series = {
        peer.name: [(rung.rate, rung.p99_ms) for rung in rungs if rung.p99_ms is not None]
        for peer, rungs in climbed.items()
    }
    return Plot("live", "offered /s", "p99 ms", {title: points for title, points in series.items() if points})
