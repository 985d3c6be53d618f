"""Processes of our own: started apart from the terminal, known again by pid and start time, stopped surely.

A pid alone is no name: after a reboot or a long night it may be somebody else's. Each record therefore keeps the moment
the process began as well, and only a process that has both is ever signalled.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from deploy.errors import OperationError

LOG_LINES_SHOWN = 15
POLL_S = 0.2


class Record(msgspec.Struct, frozen=True):
    """What is kept on disk about one started process."""

    pid: int
    started_at: float  # seconds since the epoch, as the system tells it


@dataclass(frozen=True)
class Component:
    """One process of the stack: its name, where it logs, and the file that remembers it.

    Attributes:
        name: as people read it, e.g. ``kafka`` or ``taskmanager-1``.
        folder: the stack's folder; the record goes to ``pids/``, the log to ``logs/``.
        log: the file that takes the process's output, and so its last words.
    """

    name: str
    folder: Path
    log: Path

    @property
    def record_file(self) -> Path:
        return self.folder / "pids" / f"{self.name}.json"

    def process(self) -> psutil.Process | None:
        """The running process, or None when it is gone (or never was)."""
        try:
            record = msgspec.json.decode(self.record_file.read_bytes(), type=Record)
            process = psutil.Process(record.pid)
            same = process.create_time() == record.started_at and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, msgspec.DecodeError, psutil.Error):
            return None
        return process if same else None

    def is_running(self) -> bool:
        return self.process() is not None

    def start(self, command: Sequence[str], environment: Mapping[str, str], working_folder: Path) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches only the one who started it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = Record(pid=child.pid, started_at=psutil.Process(child.pid).create_time())
        self.record_file.write_bytes(msgspec.json.encode(record))

    def wait_until(self, ready: Callable[[], bool], timeout_s: float, what: str = "ready") -> None:
        """Wait until ``ready()``.

        Raises:
            OperationError: with the last lines of the log, when the process dies first or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.is_running():
                raise OperationError(f"{self.name} died while starting; its log ends with:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{self.name} was not {what} after {timeout_s:.0f} s; its log ends with:\n{self.last_words()}"
                )
            time.sleep(POLL_S)

    def stop(self, patience_s: float = 20.0) -> bool:
        """Ask the process to end, and make it end when it does not; True when there was one to stop."""
        process = self.process()
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=patience_s)
            except psutil.TimeoutExpired:
                self.kill()
        self.record_file.unlink(missing_ok=True)
        return process is not None

    def kill(self) -> None:
        """``kill -9``, and wait until the process is gone."""
        process = self.process()
        if process is not None:
            process.kill()
            process.wait(timeout=10)

    def last_words(self) -> str:
        """The end of the log, for messages."""
        if not self.log.exists():
            return "(nothing)"
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(lines) or "(nothing)"
