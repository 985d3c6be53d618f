"""CPU that each component of a stack uses, sampled: so that what a span of time cost can be asked afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import psutil

from deploy.benchmark import OTHERS, CpuTimes
from flink_jobs.settings import Settings

EVERY_S = 0.25
THIS_PROCESS = "this command"


class CpuTrace:
    """Samples in a thread of its own, while ``tracing`` lasts.

    Args:
        settings: of the stack.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._over = threading.Event()
        self._samples: list[tuple[float, CpuTimes, float]] = []

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Sample for as long as this lasts, at its begin and end as well."""
        self._sample()
        thread = threading.Thread(target=self._run, name="cpu-trace", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._sample()

    def between(self, start_ms: float, end_ms: float) -> dict[str, float]:
        """CPU seconds of each component, of this process and of all others, from one moment to another.

        A component must not have been restarted in between.

        Args:
            start_ms: epoch milliseconds; what lies between two samples is interpolated.
            end_ms: likewise.
        """
        used = {
            name: self._used(start_ms, end_ms, [(at, times.components.get(name)) for at, times, _ in self._samples])
            for name in self._samples[-1][1].components
        }
        used[THIS_PROCESS] = self._used(start_ms, end_ms, [(at, own) for at, _, own in self._samples])
        whole = self._used(start_ms, end_ms, [(at, times.machine) for at, times, _ in self._samples])
        return used | {OTHERS: whole - sum(used.values())}

    @staticmethod
    def _used(start_ms: float, end_ms: float, samples: list[tuple[float, float | None]]) -> float:
        known = [(at, used) for at, used in samples if used is not None]
        times, used = zip(*known, strict=True)
        at_start, at_end = np.interp([start_ms, end_ms], times, used).tolist()
        return float(at_end - at_start)

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._sample()

    def _sample(self) -> None:
        with suppress(psutil.Error):  # a component ended just now
            self._samples.append((time.time() * 1000, CpuTimes.now(self._settings), time.process_time()))
