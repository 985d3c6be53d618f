"""Samples of a stack while it works: memory, state and checkpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

MIB = 2**20
Series = dict[str, list[tuple[float, float]]]  # by name: (seconds since the beginning, value)


class Sampler:
    """Takes a sample every so often, in a thread of its own.

    Args:
        settings: of the stack.
        job_id: of the job.
        every_s: seconds between two samples.

    Attributes:
        memory_mib: resident memory by component.
        state_mib: RocksDB's files of all TaskManagers, and what the last checkpoint refers to and has written.
        checkpoint_ms: how long the last checkpoint took.
        failed: checkpoints that failed between the first sample and the last.
    """

    def __init__(self, settings: Settings, job_id: str, every_s: float) -> None:
        self._stack = Stack(settings)
        self._rest = FlinkRest(settings.flink.rest_url)
        self._job_id, self._every_s = job_id, every_s
        self._begun = time.monotonic()
        self._over = threading.Event()
        self.memory_mib: Series = {}
        self.state_mib: Series = {}
        self.checkpoint_ms: Series = {}
        self.failed = 0
        self._failed_before: int | None = None

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample for as long as this lasts."""
        thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        while True:
            # A gap in the samples says it: the soak is not to end for one answer that came late.
            with suppress(OperationError, psutil.Error):
                self._sample()
            if self._over.wait(self._every_s):
                return

    def _sample(self) -> None:
        now = time.monotonic() - self._begun
        for part in self._stack.services():
            process = part.process.find()
            if process is not None:
                self._note(self.memory_mib, part.process.name, now, process.memory_info().rss / MIB)
        # Flink's own names; beside these lie jars and libraries.
        folders = (self._stack.folder / "flink" / "tmp").glob(f"tm_*/tmp/job_{self._job_id}_*")
        self._note(self.state_mib, "RocksDB's files", now, sum(map(_size, folders)) / MIB)
        told = self._rest.checkpoints(self._job_id)
        self._failed_before = told.failed if self._failed_before is None else self._failed_before
        self.failed = told.failed - self._failed_before
        if told.last_duration_ms is not None:
            self._note(self.checkpoint_ms, "last checkpoint", now, told.last_duration_ms)
        if told.last_state_bytes is not None and told.last_size_bytes is not None:
            self._note(self.state_mib, "checkpointed state", now, told.last_state_bytes / MIB)
            self._note(self.state_mib, "written by a checkpoint", now, told.last_size_bytes / MIB)

    @staticmethod
    def _note(series: Series, name: str, now: float, value: float) -> None:
        series.setdefault(name, []).append((now, value))


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; those that vanish meanwhile count as nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                total += file.stat().st_size
        except OSError:
            continue
    return total
