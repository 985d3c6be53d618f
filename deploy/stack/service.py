"""A service of the stack: a process, and how to start it and see that it is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.stack import ports
from deploy.stack.process import ManagedProcess


@dataclass(frozen=True)
class Service:
    """One service, running or not.

    Attributes:
        process: that runs it.
        ports: it listens on, each with the name of the setting that changes it.
        launch: starts the process and returns at once.
        is_ready: whether the service answers.
        ready_within_s: longest time from launch to readiness, seconds.
    """

    process: ManagedProcess
    ports: tuple[tuple[int, str], ...]
    launch: Callable[[], None]
    is_ready: Callable[[], bool]
    ready_within_s: float

    def check_ports(self) -> None:
        """Refuse to start while another process holds a port.

        Raises:
            OperationError: naming the port and its owner.
        """
        for port, setting in self.ports:
            ports.require_free(port, self.process.name, setting)

    def ensure_launched(self) -> None:
        """Start the process if it does not run, without waiting for it."""
        if not self.process.is_running():
            self.launch()

    def await_ready(self) -> None:
        """Wait until the service answers.

        Raises:
            OperationError: with the end of the log, when the process dies or the time is over.
        """
        self.process.wait_until(self.is_ready, self.ready_within_s)
