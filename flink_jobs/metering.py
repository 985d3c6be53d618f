"""What a stage costs in Python, as counters of its operator: once a batch, so that counting costs nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyflink.datastream import RuntimeContext


class Meter:
    """Counters of one stage instance.

    ``busy_us`` is time by the wall, ``cpu_us`` what of it this thread computed; the rest it waited for the processor,
    or for the interpreter, which the stages of a TaskManager share. Both hold what the stage does, with reading and
    writing state, and not how its rows go back to Java. ``batches`` and ``gathered`` give the mean length of a batch,
    in what Java gathered: records, or handoffs of other stages.

    Args:
        context: of the operator.
    """

    def __init__(self, context: RuntimeContext) -> None:
        group = context.get_metrics_group()
        self._busy, self._cpu = group.counter("busy_us"), group.counter("cpu_us")
        self._batches, self._gathered = group.counter("batches"), group.counter("gathered")

    @contextmanager
    def batch(self, gathered: int) -> Iterator[None]:
        """Around the work on one batch of so many elements."""
        busy, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            self._cpu.inc((time.thread_time_ns() - cpu) // 1_000)
            self._busy.inc((time.perf_counter_ns() - busy) // 1_000)
            self._batches.inc()
            self._gathered.inc(gathered)
