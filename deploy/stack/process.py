"""Processes of the stack: started detached from the terminal, found again by pid and start time.

A pid alone identifies nothing: after a reboot it may belong to another process. A record therefore also keeps the start
time, and only a process that matches both is ever signalled.
"""

from __future__ import annotations

import os
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
KILLED_WITHIN_S = 10.0
PRIVATE_UMASK = 0o077
"""Logs, state and stored job graphs can hold passwords and payments: nobody else reads them."""


class Record(msgspec.Struct, frozen=True):
    """The record on disk of one started process.

    Attributes:
        pid: of the process.
        started_at: seconds since the epoch, as the system reports it.
    """

    pid: int
    started_at: float


@dataclass(frozen=True)
class ManagedProcess:
    """One process of the stack, running or not; what runs is read from disk and from the system at each call.

    Attributes:
        name: e.g. ``kafka`` or ``taskmanager-1``.
        folder: of the stack; the record lies in ``pids/``.
        log: file that takes the output of the process.
    """

    name: str
    folder: Path
    log: Path

    @property
    def record_file(self) -> Path:
        return self.folder / "pids" / f"{self.name}.json"

    def find(self) -> psutil.Process | None:
        """Find the running process; None when it has ended or was never started."""
        try:
            record = msgspec.json.decode(self.record_file.read_bytes(), type=Record)
            process = psutil.Process(record.pid)
            same = process.create_time() == record.started_at and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, msgspec.DecodeError, psutil.Error):
            return None
        return process if same else None

    def is_running(self) -> bool:
        return self.find() is not None

    def start(self, command: Sequence[str], environment: Mapping[str, str], working_folder: Path) -> None:
        """Start the process in a new session, so that Ctrl-C does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record_file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab", opener=_open_private) as log:
            child = subprocess.Popen(
                list(command),
                # Settings, with the passwords in them, are no business of a service.
                env={name: value for name, value in environment.items() if not name.upper().startswith("SENTINEL_")},
                cwd=working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        record = Record(pid=child.pid, started_at=psutil.Process(child.pid).create_time())
        self.record_file.write_bytes(msgspec.json.encode(record))

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, description: str = "ready") -> None:
        """Wait until a condition holds.

        Args:
            condition: that is polled.
            timeout_s: longest wait, seconds.
            description: of the condition, an adjective for the error.

        Raises:
            OperationError: with the end of the log, when the process dies or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if not self.is_running():
                raise OperationError(f"{self.name} died while starting; its log ends with:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{self.name} was not {description} after {timeout_s:.0f} s; its log ends with:\n{self.log_tail()}"
                )
            time.sleep(POLL_S)

    def stop(self, patience_s: float = 20.0) -> bool:
        """Terminate the process, and kill it if it has not ended in time.

        Args:
            patience_s: time from SIGTERM to SIGKILL, seconds.

        Returns:
            Whether there was a process to stop.
        """
        process = self.find()
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=patience_s)
            except psutil.TimeoutExpired:
                self.kill()
        self.record_file.unlink(missing_ok=True)
        return process is not None

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process has ended."""
        process = self.find()
        if process is not None:
            process.kill()
            process.wait(timeout=KILLED_WITHIN_S)

    def log_tail(self) -> str:
        """The last lines of the log, for messages."""
        if not self.log.exists():
            return "(nothing)"
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(lines) or "(nothing)"


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
