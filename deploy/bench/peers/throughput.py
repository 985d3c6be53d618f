"""Measure how fast a system decides a backlog: the same way for Stream Sentinel and for every peer."""

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
class ProgressSample:
    """Progress of a system at one moment.

    Attributes:
        at: monotonic clock, seconds.
        decisions: decisions in the topic.
        cpu_s: CPU time used so far, seconds, by component.
    """

    at: float
    decisions: int
    cpu_s: dict[str, float]


@dataclass(frozen=True)
class Throughput:
    """Rate of a system, and its cost.

    Attributes:
        decisions: decisions made in the time.
        per_s: decisions a second, from the first decision's append to the last one's.
        steady_per_s: decisions a second in the second half of that time.
        busy_cores: cores that the system and its store kept busy in the second half, without the broker.
        cpu_us: CPU time of the system per decision in the second half, microseconds.
        store_us: CPU time of its store per decision in the second half, microseconds.
        broker_us: CPU time of the broker per decision in the second half, microseconds.
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
        """Decisions for each CPU second of the system and its store."""
        return 1e6 / (self.cpu_us + self.store_us)


def measure_throughput(runner: Runner, max_decisions: int, seconds: float) -> Throughput:
    """Let a system decide a backlog until a number of decisions or a time is reached.

    Args:
        runner: running system.
        max_decisions: decisions after which the measurement ends.
        seconds: time after the first decision at which it ends at the latest.

    Raises:
        OperationError: the system ends, or stops deciding.
    """
    samples = _sample_progress(runner, max_decisions, seconds)
    appended = _append_times(runner)
    appended = appended[appended <= appended[0] + seconds * 1000]
    return compute_throughput(samples, appended)


def _sample_progress(runner: Runner, max_decisions: int, seconds: float) -> list[ProgressSample]:
    samples: list[ProgressSample] = []
    progressed_at = time.monotonic()
    while True:
        now, decisions = time.monotonic(), count_decisions(runner.settings)
        if decisions and (not samples or decisions > samples[-1].decisions):
            progressed_at = now
        if decisions:
            samples.append(ProgressSample(now, decisions, runner.cpu_seconds()))
        if samples and (decisions >= max_decisions or now - samples[0].at > seconds):
            return samples
        runner.check()
        patience_s = STUCK_AFTER_S if samples else FIRST_WITHIN_S
        if now - progressed_at > patience_s:
            raise OperationError(f"after {decisions:,} decisions there were no more for {patience_s:.0f} s")
        time.sleep(POLL_S)


def _append_times(runner: Runner) -> NDArray[np.float64]:
    """Append time of each decision, epoch milliseconds, ascending."""
    settings = runner.settings
    messages = kafka_clients.read_all(settings, settings.kafka.topics.decisions, READ_WITHIN_S)
    return np.sort(np.array([message.timestamp()[1] for message in messages], np.float64))


def compute_throughput(samples: Sequence[ProgressSample], appended: NDArray[np.float64]) -> Throughput:
    """Compute rates and costs from samples and append times.

    Args:
        samples: at least one, in order of time.
        appended: append time of every decision, epoch milliseconds, (n,), ascending.

    Raises:
        OperationError: nothing was decided in the second half of the time.
    """
    last = samples[-1]
    middle = samples[0].at + (last.at - samples[0].at) * STEADY_FROM
    before = min(samples, key=lambda sample: abs(sample.at - middle))
    decisions = last.decisions - before.decisions
    if decisions <= 0:
        raise OperationError("no decisions in the second half of the time: measure more of them, or for longer")
    used = {name: seconds - before.cpu_s.get(name, 0.0) for name, seconds in last.cpu_s.items()}
    system = sum(seconds for name, seconds in used.items() if name not in (BROKER, STORE))
    store = used.get(STORE, 0.0)
    first, end = float(appended[0]), float(appended[-1])
    half = first + (end - first) * STEADY_FROM
    return Throughput(
        decisions=len(appended),
        per_s=len(appended) / (end - first) * 1000,
        steady_per_s=float((appended >= half).sum()) / (end - half) * 1000,
        busy_cores=(system + store) / (last.at - before.at),
        cpu_us=system / decisions * 1e6,
        store_us=store / decisions * 1e6,
        broker_us=used[BROKER] / decisions * 1e6,
    )
