"""Counters of a stage operator: what it processed, and what that cost in Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyflink.datastream import RuntimeContext
from pyflink.metrics import Counter

PUBLISH_NS = 250_000_000
"""Interval at which a busy stage passes its counts to Java: each counter is a call, and ten calls cost more than a
small batch. After an idle interval the first batch passes them at once."""


class OperatorMetrics:
    """Counters of one stage instance.

    They lag by up to ``PUBLISH_NS``; the next batch catches up.

    ``busy_us`` is wall-clock time in the stage, including state access and excluding the way of its rows back to Java.
    ``cpu_us`` is the part of it that the thread was running; in the rest it waited for a processor or for the
    interpreter, which the stages of a TaskManager share. ``checkpoint_us`` is the part of it that was spent writing at
    checkpoints. ``gathered`` divided by ``batches`` is the mean size of a batch, in records or messages.

    Args:
        context: of the operator.
    """

    def __init__(self, context: RuntimeContext) -> None:
        self._group = context.get_metrics_group()
        self._counters: dict[str, Counter] = {}
        self._counted: dict[str, int] = {}
        self._published_ns = 0
        self.declare("busy_us", "cpu_us", "batches", "gathered", "checkpoint_us")

    def declare(self, *names: str) -> None:
        """Declare counters, so that they exist at 0 before anything is counted."""
        for name in names:
            self._counters[name] = self._group.counter(name)
            self._counted[name] = 0

    def count(self, name: str, number: int) -> None:
        """Add to a counter."""
        self._counted[name] += number

    @contextmanager
    def batch(self, size: int) -> Iterator[None]:
        """Measure the work on one batch; a batch of 0 elements is a checkpoint."""
        busy, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            now = time.perf_counter_ns()
            self.count("cpu_us", (time.thread_time_ns() - cpu) // 1_000)
            self.count("busy_us", (now - busy) // 1_000)
            self.count(*("batches", 1) if size else ("checkpoint_us", (now - busy) // 1_000))
            self.count("gathered", size)
            if now - self._published_ns >= PUBLISH_NS:
                self._published_ns = now
                self._publish()

    def _publish(self) -> None:
        for name, number in self._counted.items():
            if number:
                self._counters[name].inc(number)
                self._counted[name] = 0
