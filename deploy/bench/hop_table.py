"""Table of where a payment's time goes, hop by hop."""

from __future__ import annotations

from collections.abc import Mapping

from apps.bench.result import Cell, Table
from deploy.clients.hop_times import HOPS, STAND_STILLS, Hop, HopTime

HOP_NOTES = (
    "Hops: the time of a payment from append to append is divided among them without gap or overlap; the means add up "
    "to its mean latency. Mean and share are of all payments, p50 and p99 of those that took the hop: only payments "
    "with a device take those of the device stage, and few wait for a checkpoint. They cover the lead-in as well.",
    "Exchange is from leaving the operator before until it is read, without the time in which the stage was at work on "
    "earlier batches or stood still for a checkpoint. The sink ends when the broker's acknowledgement is back, so what "
    "is not accounted for may be less than nothing.",
)


def hop_table(hops: Mapping[Hop, HopTime], payments: int, latency_ms: float, title: str) -> Table:
    """Make a table with a row for each hop, one for the remainder, and one for the whole.

    Args:
        hops: time of each hop.
        payments: number of payments.
        latency_ms: their mean latency, append to append, milliseconds.
        title: of the table.
    """
    rows: list[list[Cell]] = []
    accounted = 0.0
    for hop in HOPS:
        time = hops.get(hop, HopTime())
        mean = time.sum_us / 1000 / payments
        accounted += mean
        share, took = 100 * mean / latency_ms, round(100 * time.payments / payments)
        rows.append([hop.name, mean, share, took, time.percentile_ms(50), time.percentile_ms(99)])
    left = latency_ms - accounted
    rows.append(["not accounted for", left, 100 * left / latency_ms, None, None, None])
    rows.append(["append to append", latency_ms, 100, 100, None, None])
    return Table(title, ["hop", "mean ms", "share %", "payments %", "p50 ms", "p99 ms"], _rounded(rows))


def stand_still_table(hops: Mapping[Hop, HopTime], title: str) -> Table:
    """Make a table of how long the subtasks of each stage stood still for a checkpoint."""
    rows: list[list[Cell]] = []
    for hop in STAND_STILLS:
        time = hops.get(hop, HopTime())
        mean = time.sum_us / 1000 / time.payments if time.payments else None
        rows.append([hop.name, int(time.payments), mean, time.percentile_ms(50), time.percentile_ms(99)])
    return Table(title, ["stage", "times", "mean ms", "p50 ms", "p99 ms"], _rounded(rows))


def _rounded(rows: list[list[Cell]]) -> list[list[Cell]]:
    return [[round(cell, 2) if isinstance(cell, float) else cell for cell in row] for row in rows]
