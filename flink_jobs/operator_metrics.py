"""What a stage counts, and what it costs in Python, as counters of its operator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyflink.datastream import RuntimeContext
from pyflink.metrics import Counter

PUBLISH_NS = 250_000_000
"""Between two times that a busy stage tells Java what it has counted: each counter is a call, and with ten of them in
every small batch they cost more than the batch. One that has been idle for so long tells at once."""


class OperatorMetrics:
    """Counters of one stage instance.

    They may lack what was counted less than ``PUBLISH_NS`` after they were told last: the next batch tells it.

    ``busy_us`` is time by the wall, ``cpu_us`` what of it this thread computed; the rest it waited for the processor,
    or for the interpreter, which the stages of a TaskManager share. Both hold what the stage does, with reading and
    writing state, and not how its rows go back to Java. ``batches`` and ``gathered`` give the mean length of a batch,
    in what Java gathered: records, or handoffs of other stages. ``checkpoint_us`` is what of ``busy_us`` went by while
    a stage wrote what its state lacked.

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
        """Have counters that are there, at 0, before anything is counted."""
        for name in names:
            self._counters[name] = self._group.counter(name)
            self._counted[name] = 0

    def count(self, name: str, number: int) -> None:
        """Add to a counter."""
        self._counted[name] += number

    @contextmanager
    def batch(self, gathered: int) -> Iterator[None]:
        """Around the work on one batch of so many elements, and the counting of it; of none before a checkpoint."""
        busy, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            now = time.perf_counter_ns()
            self.count("cpu_us", (time.thread_time_ns() - cpu) // 1_000)
            self.count("busy_us", (now - busy) // 1_000)
            self.count(*("batches", 1) if gathered else ("checkpoint_us", (now - busy) // 1_000))
            self.count("gathered", gathered)
            if now - self._published_ns >= PUBLISH_NS:
                self._published_ns = now
                self._publish()

    def _publish(self) -> None:
        for name, number in self._counted.items():
            if number:
                self._counters[name].inc(number)
                self._counted[name] = 0
