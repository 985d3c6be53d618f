"""Description of a peer: how it is started, and what it guarantees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Runtime(Enum):
    """How a peer runs."""

    IN_MEMORY = "in memory"
    """Processes that read Kafka first and measure themselves: each prints a ``LoopMeasurement`` as JSON."""
    PROCESSES = "processes"
    """Processes that read from and write to Kafka."""
    ON_FLINK = "on Flink"
    """A job of the local Flink cluster that reads from and writes to Kafka."""


@dataclass(frozen=True, kw_only=True)
class Guarantees:
    """Guarantees of a system, each in a few words.

    Attributes:
        state: durability of profiles when a process or the machine fails.
        alerts: how often an alert is written.
        late: treatment of late and out-of-order events.
        live: which of rules, patterns and thresholds can change while it runs.
        rescale: how the number of processes changes.
    """

    state: str
    alerts: str
    late: str
    live: str
    rescale: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One system of the comparison; a module may define several that differ in how they run.

    Attributes:
        name: name on the command line.
        title: name in tables.
        module: module to run by ``python -m``, with ``PeerOptions`` as JSON.
        runtime: how it runs.
        guarantees: guarantees for its users.
        processes: number of parallel processes.
        batch: maximum number of records in a batch.
        uses_redis: whether its state is in the local Redis.
        requirements: distributions that are not the project's; the peer then runs in a separate virtual environment.
    """

    name: str
    title: str
    module: str
    runtime: Runtime
    guarantees: Guarantees
    processes: int = 1
    batch: int = 1
    uses_redis: bool = False
    requirements: tuple[str, ...] = ()

    @property
    def figure(self) -> str:
        """Prefix of its figures in a result (``apps.bench.result``)."""
        return self.name.replace("-", "_")
