"""CPU that each component of a stack uses, sampled: so that what a span of time cost can be asked afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil

from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

EVERY_S = 0.25
THIS_PROCESS = "this command"


class CpuTrace:
    """Samples in a thread of its own, while ``tracing`` lasts.

    Args:
        settings: of the stack.
    """

    def __init__(self, settings: Settings) -> None:
        self._parts = Stack(settings).parts()
        self._over = threading.Event()
        self._samples: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Sample for as long as this lasts."""
        thread = threading.Thread(target=self._run, name="cpu-trace", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def between(self, start_ms: float, end_ms: float) -> dict[str, float]:
        """CPU seconds of each component, and of this process, from one moment to another, epoch milliseconds.

        A component must not have been restarted in between.
        """
        found = {}
        for name, samples in self._samples.items():
            times, used = zip(*samples, strict=True)
            at_start, at_end = np.interp([start_ms, end_ms], times, used).tolist()
            found[name] = at_end - at_start
        return found

    def _run(self) -> None:
        while True:
            self._sample()
            if self._over.wait(EVERY_S):
                self._sample()
                return

    def _sample(self) -> None:
        self._note(THIS_PROCESS, time.process_time())
        for part in self._parts:
            try:
                process = part.component.process()
                if process is not None:
                    times = process.cpu_times()
                    self._note(part.component.name, times.user + times.system)
            except psutil.Error:
                continue  # it ended just now

    def _note(self, name: str, used: float) -> None:
        self._samples.setdefault(name, []).append((time.time() * 1000, used))
