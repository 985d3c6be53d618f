"""CPU that each component of a stack uses, sampled: so that what a span of time cost can be asked afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
import psutil
from numpy.typing import NDArray

from deploy.bench.harness import OTHERS, CpuTimes
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
        return {name: float(used[0]) for name, used in self._used(np.array([start_ms, end_ms])).items()}

    def cores_by_second(self, start_ms: float, end_ms: float) -> dict[str, list[tuple[float, float]]]:
        """The same for every whole second, as (seconds since the start, cores)."""
        found = self._used(np.arange(start_ms, end_ms, 1000))
        return {
            name: [(float(second), cores) for second, cores in enumerate(used.tolist())] for name, used in found.items()
        }

    def _used(self, edges: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """CPU seconds between each two of the edges, epoch milliseconds."""
        latest = self._samples[-1][1].components
        used = {
            name: _between(edges, [(at, times.components.get(name)) for at, times, _ in self._samples])
            for name in latest
        }
        used[THIS_PROCESS] = _between(edges, [(at, own) for at, _, own in self._samples])
        whole = _between(edges, [(at, times.machine) for at, times, _ in self._samples])
        return used | {OTHERS: whole - np.sum(list(used.values()), axis=0)}

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._sample()

    def _sample(self) -> None:
        with suppress(psutil.Error):  # a component ended just now
            self._samples.append((time.time() * 1000, CpuTimes.now(self._settings), time.process_time()))


def _between(edges: NDArray[np.float64], samples: Sequence[tuple[float, float | None]]) -> NDArray[np.float64]:
    times, used = zip(*[(at, value) for at, value in samples if value is not None], strict=True)
    return np.diff(np.interp(edges, times, used))
