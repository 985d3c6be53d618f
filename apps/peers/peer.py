"""What the bench must know of a peer: how it is started, and what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Runtime(Enum):
    """Where a peer runs."""

    IN_MEMORY = "in memory"
    """Processes that read Kafka beforehand and measure themselves: each prints a ``Loop`` as JSON."""
    PROCESSES = "processes"
    """Processes of its own, from Kafka to Kafka."""
    ON_FLINK = "on Flink"
    """A job of the local Flink cluster, from Kafka to Kafka."""


@dataclass(frozen=True, kw_only=True)
class Guarantees:
    """What a user gets beside a rate, each in a few words.

    Attributes:
        state: what becomes of profiles when a process or its machine dies.
        alerts: how often an alert is written.
        late: what becomes of what is late or out of order.
        live: whether rules and patterns change while it runs.
        rescale: how it becomes more processes.
    """

    state: str
    alerts: str
    late: str
    live: str
    rescale: str


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One peer; a module may have several that differ in how they run.

    Attributes:
        name: on the command line.
        title: in tables.
        module: with ``main``, to be run by ``python -m`` with ``PeerOptions`` as JSON.
        runs: where.
        promises: beside the rate.
        processes: of its own, at once.
        batch: records that it takes at once, at most.
        uses_redis: whether the local Redis keeps its state.
        needs: distributions that the project itself does not have; it then runs in an environment of its own.
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
        """What its figures' names have for its own (``apps.bench.result``)."""
        return self.name.replace("-", "_")
