"""CPU time of each component of the stack, read once or sampled over a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from deploy.bench.sampler import sampling
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

EVERY_S = 0.25
THIS_PROCESS = "this command"
OTHERS = "everything else"


class CpuTimes(msgspec.Struct, frozen=True):
    """CPU time used so far, seconds.

    Attributes:
        components: CPU time of each component of the stack, by name.
        machine: CPU time of all processes of the machine together.
    """

    components: dict[str, float]
    machine: float

    @classmethod
    def now(cls, settings: Settings) -> CpuTimes:
        """Read the CPU times of the running components of a stack, and of the machine."""
        components: dict[str, float] = {}
        for service in Stack(settings).services():
            process = service.process.find()
            if process is not None:
                times = process.cpu_times()
                components[service.process.name] = times.user + times.system
        machine = psutil.cpu_times()
        return cls(components, sum(machine[:8]) - machine.idle - machine.iowait)

    def since(self, before: CpuTimes) -> dict[str, float]:
        """Return the CPU seconds used since ``before``; ``OTHERS`` is the rest of the machine, with stolen time."""
        used = {name: seconds - before.components.get(name, 0.0) for name, seconds in self.components.items()}
        return used | {OTHERS: self.machine - before.machine - sum(used.values())}


class CpuTrace:
    """CPU times sampled over a run, from which the CPU time of any span can be computed afterwards.

    Args:
        settings: settings of the stack.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._samples: list[tuple[float, CpuTimes, float]] = []

    def tracing(self) -> AbstractContextManager[None]:
        """Sample within this context, at its beginning and end as well."""
        return sampling([self._sample], EVERY_S)

    def between(self, start_ms: float, end_ms: float) -> dict[str, float]:
        """Return the CPU seconds of each component, of this process, and of all others in a span.

        A component must not have been restarted in the span. Values between two samples are interpolated.

        Args:
            start_ms: beginning of the span, epoch milliseconds.
            end_ms: end of the span, epoch milliseconds.
        """
        return {name: float(used[0]) for name, used in self._used(np.array([start_ms, end_ms])).items()}

    def cores_by_second(self, start_ms: float, end_ms: float) -> dict[str, list[tuple[float, float]]]:
        """Return the busy cores in each whole second of a span, as pairs of seconds since its start and cores."""
        used = self._used(np.arange(start_ms, end_ms, 1000))
        return {
            name: [(float(second), cores) for second, cores in enumerate(each.tolist())] for name, each in used.items()
        }

    def _used(self, edges: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """CPU seconds between each two consecutive edges, epoch milliseconds."""
        latest = self._samples[-1][1].components
        used = {
            name: _differences(edges, [(at, times.components.get(name)) for at, times, _ in self._samples])
            for name in latest
        }
        used[THIS_PROCESS] = _differences(edges, [(at, process) for at, _, process in self._samples])
        machine = _differences(edges, [(at, times.machine) for at, times, _ in self._samples])
        return used | {OTHERS: machine - np.sum(list(used.values()), axis=0)}

    def _sample(self) -> None:
        self._samples.append((time.time() * 1000, CpuTimes.now(self._settings), time.process_time()))


def _differences(edges: NDArray[np.float64], samples: Sequence[tuple[float, float | None]]) -> NDArray[np.float64]:
    times, used = zip(*[(at, value) for at, value in samples if value is not None], strict=True)
    return np.diff(np.interp(edges, times, used))
