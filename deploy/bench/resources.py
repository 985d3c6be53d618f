"""Memory, state size and checkpoints of a running job, sampled over a run."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

from deploy.bench.sampler import sampling
from deploy.clients.flink_rest import FlinkRest
from deploy.stack import scratch
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

MIB = 2**20
Series = dict[str, list[tuple[float, float]]]  # by name: pairs of seconds since the beginning and value


class ResourceTrace:
    """Series of resource use.

    Args:
        settings: settings of the stack.
        job_id: id of the job.
        every_s: pause between two samples, seconds.

    Attributes:
        memory_mib: resident memory by component.
        state_mib: size of RocksDB's files in all TaskManagers, of the state in the last checkpoint, and of the part of
            it that this checkpoint wrote.
        checkpoint_ms: duration of the last checkpoint.
        failed: checkpoints that failed between the first sample and the last.
    """

    def __init__(self, settings: Settings, job_id: str, every_s: float) -> None:
        self._stack = Stack(settings)
        self._rest = FlinkRest(settings.flink.rest_url)
        self._job_id, self._every_s = job_id, every_s
        self._begun = time.monotonic()
        self.memory_mib: Series = {}
        self.state_mib: Series = {}
        self.checkpoint_ms: Series = {}
        self.failed = 0
        self._failed_before: int | None = None

    def tracing(self) -> AbstractContextManager[None]:
        """Sample within this context, at its beginning and end as well."""
        return sampling([self._sample_memory, self._sample_files, self._sample_checkpoints], self._every_s)

    def _sample_memory(self) -> None:
        for service in self._stack.services():
            process = service.process.find()
            if process is not None:
                self._add(self.memory_mib, service.process.name, process.memory_info().rss / MIB)

    def _sample_files(self) -> None:
        folders = scratch.find(self._stack.folder).glob(f"job_{self._job_id}_*")
        self._add(self.state_mib, "RocksDB's files", sum(map(_size, folders)) / MIB)

    def _sample_checkpoints(self) -> None:
        found = self._rest.checkpoints(self._job_id)
        self._failed_before = found.failed if self._failed_before is None else self._failed_before
        self.failed = found.failed - self._failed_before
        if found.last_duration_ms is not None:
            self._add(self.checkpoint_ms, "last checkpoint", found.last_duration_ms)
        if found.last_state_bytes is not None and found.last_size_bytes is not None:
            self._add(self.state_mib, "checkpointed state", found.last_state_bytes / MIB)
            self._add(self.state_mib, "written by a checkpoint", found.last_size_bytes / MIB)

    def _add(self, series: Series, name: str, value: float) -> None:
        series.setdefault(name, []).append((time.monotonic() - self._begun, value))


def _size(folder: Path) -> int:
    """Total size of the files in a folder, bytes; a file that is deleted meanwhile counts as 0."""
    total = 0
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                total += file.stat().st_size
        except OSError:
            continue
    return total
