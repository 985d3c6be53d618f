"""How fast a backlog is worked off: the same way for our own job and for every peer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.bench.peers.runner import BROKER, STORE, Runner
from deploy.clients import kafka_clients
from deploy.clients.decisions import count_decisions
from deploy.errors import OperationError

FIRST_WITHIN_S = 120.0
STUCK_AFTER_S = 45.0
READ_WITHIN_S = 120.0
POLL_S = 0.5
STEADY_FROM = 0.5


@dataclass(frozen=True)
class Sample:
    """How far a contestant was at a time, seconds, and what it had used until then."""

    at: float
    decisions: int
    cpu: dict[str, float]


@dataclass(frozen=True)
class Drained:
    """What was found.

    Attributes:
        decisions: that were made within the time.
        per_s: from the first decision's append to the last one's.
        steady_per_s: likewise, over the second half of that time.
        busy_cores: that the contestant and its store kept busy over the second half, without the broker.
        cpu_us: CPU per decision over the second half, microseconds, of the contestant itself.
        store_us: likewise, of its store.
        broker_us: likewise, of the broker.
    """

    decisions: int
    per_s: float
    steady_per_s: float
    busy_cores: float
    cpu_us: float
    store_us: float
    broker_us: float

    @property
    def per_core_per_s(self) -> float:
        """Decisions for each second of CPU that the contestant and its store used."""
        return 1e6 / (self.cpu_us + self.store_us)


def drain(contestant: Runner, most: int, seconds: float) -> Drained:
    """Let it decide so many transactions, or for so long, whatever is over first.

    Raises:
        OperationError: it dies, or decides nothing for long.
    """
    samples = _watch(contestant, most, seconds)
    appended = _appended(contestant)
    appended = appended[appended <= appended[0] + seconds * 1000]
    return figures(samples, appended)


def _watch(contestant: Runner, most: int, seconds: float) -> list[Sample]:
    settings = contestant.settings
    samples: list[Sample] = []
    moved = time.monotonic()
    while True:
        now, count = time.monotonic(), count_decisions(settings)
        if count and (not samples or count > samples[-1].decisions):
            moved = now
        if count:
            samples.append(Sample(now, count, contestant.cpu_seconds()))
        if samples and (count >= most or now - samples[0].at > seconds):
            return samples
        contestant.check()
        patience = STUCK_AFTER_S if samples else FIRST_WITHIN_S
        if now - moved > patience:
            raise OperationError(f"after {count:,} decisions there were no more for {patience:.0f} s")
        time.sleep(POLL_S)


def _appended(contestant: Runner) -> NDArray[np.float64]:
    """When each decision was appended, epoch milliseconds, ascending."""
    settings = contestant.settings
    messages = kafka_clients.read_all(settings, settings.kafka.topics.decisions, READ_WITHIN_S)
    return np.sort(np.array([message.timestamp()[1] for message in messages], np.float64))


def figures(samples: Sequence[Sample], appended: NDArray[np.float64]) -> Drained:
    """What samples and append times come to.

    Args:
        samples: at least one, in order of time.
        appended: of all decisions, epoch milliseconds, (n,), ascending.

    Raises:
        OperationError: nothing was decided in the second half of the time.
    """
    last = samples[-1]
    middle = samples[0].at + (last.at - samples[0].at) * STEADY_FROM
    before = min(samples, key=lambda sample: abs(sample.at - middle))
    decisions = last.decisions - before.decisions
    if decisions <= 0:
        raise OperationError("no decisions in the second half of the time: measure more of them, or for longer")
    used = {name: seconds - before.cpu.get(name, 0.0) for name, seconds in last.cpu.items()}
    own = sum(seconds for name, seconds in used.items() if name not in (BROKER, STORE))
    store = used.get(STORE, 0.0)
    first, end = float(appended[0]), float(appended[-1])
    half = first + (end - first) * STEADY_FROM
    return Drained(
        decisions=len(appended),
        per_s=len(appended) / (end - first) * 1000,
        steady_per_s=float((appended >= half).sum()) / (end - half) * 1000,
        busy_cores=(own + store) / (last.at - before.at),
        cpu_us=own / decisions * 1e6,
        store_us=store / decisions * 1e6,
        broker_us=used[BROKER] / decisions * 1e6,
    )
