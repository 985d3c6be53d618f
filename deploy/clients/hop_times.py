"""Where the time of payments goes in a running job, from the counters of ``sentinel.edge.Hop``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from deploy.clients.flink_rest import FlinkRest
from udfs.names import Uid

BOUNDS_US = (
    *(200, 500, 1_000, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000, 100_000, 150_000),
    *(200_000, 300_000, 500_000, 1_000_000),
)
"""Upper bounds of the buckets, ``BOUNDS_US`` of ``Hop.java``; one more bucket holds what takes longer."""
_BUCKETS = (*map(str, BOUNDS_US), "inf")


class Hop(NamedTuple):
    """A hop: its name for people, and its counters.

    Attributes:
        name: of the hop.
        vertex: part of the name of the job's vertex that measures it.
        metric: first part of the names of its counters.
    """

    name: str
    vertex: str
    metric: str


_PARTS = {
    "exchange": "exchange",
    "behind": "behind an earlier batch",
    "checkpoint": "checkpoint",
    "buffer": "in the mini-batch",
    "stage": "at work",
}
_BATCHES = {"user": Uid.BATCH_BY_USER, "device": Uid.BATCH_BY_DEVICE, "merchant": Uid.BATCH_BY_MERCHANT}
HOPS = (
    Hop("fetch", f"Source: {Uid.EVENTS}", "fetch"),
    *(
        Hop(f"{stage}: {part}", uid.replace("-", " "), metric)
        for stage, uid in _BATCHES.items()
        for metric, part in _PARTS.items()
    ),
    Hop("sink", Uid.BATCH_BY_MERCHANT.replace("-", " "), "sink"),
)
"""The way of a payment; each moment of it is in one hop."""
STAND_STILLS = tuple(Hop(f"{stage} stage", uid.replace("-", " "), "stand_still") for stage, uid in _BATCHES.items())
"""How long each subtask of a stage stood still, counted by checkpoint and not by payment."""


@dataclass(frozen=True)
class HopTime:
    """Time of a hop, summed over subtasks since the job started.

    Attributes:
        sum_us: of all payments together, microseconds.
        buckets: payments by bucket.
    """

    sum_us: float = 0.0
    buckets: tuple[float, ...] = (0.0,) * len(_BUCKETS)

    @property
    def payments(self) -> float:
        """How many there were."""
        return sum(self.buckets)

    def since(self, before: HopTime) -> HopTime:
        """Subtract an earlier reading."""
        return HopTime(
            self.sum_us - before.sum_us,
            tuple(now - then for now, then in zip(self.buckets, before.buckets, strict=True)),
        )

    def percentile_ms(self, percentile: float) -> float | None:
        """A percentile, milliseconds, interpolated within its bucket; None if nothing was counted.

        Above the last bound it is the last bound.
        """
        wanted = self.payments * percentile / 100
        below = 0.0
        if not self.payments:
            return None
        for count, low, high in zip(self.buckets, (0, *BOUNDS_US), (*BOUNDS_US, BOUNDS_US[-1]), strict=True):
            if count and below + count >= wanted:
                return (low + (high - low) * max(0.0, wanted - below) / count) / 1000
            below += count
        return math.inf


def read_hop_times(rest: FlinkRest, job_id: str) -> dict[Hop, HopTime]:
    """Read all hops and stand-stills; zero where there is no metric yet.

    Flink answers with values up to ten seconds old; ``stage_metrics.settled_stage_costs`` makes them fresh.
    """
    vertices = rest.job(job_id).vertices
    names = {vertex.id: rest.metric_names(job_id, vertex.id) for vertex in vertices}
    found = {}
    for hop in (*HOPS, *STAND_STILLS):
        ids = [vertex.id for vertex in vertices if hop.vertex in vertex.name]
        found[hop] = _read(rest, job_id, ids[0], names[ids[0]], hop.metric) if ids else HopTime()
    return found


def _read(rest: FlinkRest, job_id: str, vertex_id: str, names: list[str], metric: str) -> HopTime:
    # Names begin with that of the operator, as Flink spells it: one operator of a vertex has the hop.
    scope = next((name.removesuffix(f"{metric}_us") for name in names if name.endswith(f".{metric}_us")), None)
    if scope is None:
        return HopTime()
    buckets = [f"{scope}{metric}_bucket_{bound}_us" for bound in _BUCKETS]
    values = rest.metrics(job_id, vertex_id, [f"{scope}{metric}_us", *buckets])
    return HopTime(values.get(f"{scope}{metric}_us", 0.0), tuple(values.get(bucket, 0.0) for bucket in buckets))
