"""What the stack must know about one of its components to start it and to see that it is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deploy.stack import ports
from deploy.stack.process import Component


@dataclass(frozen=True)
class Service:
    """One component, ready to be started.

    Attributes:
        component: its process.
        claims: the ports it will listen on, each with the name of the setting that moves it.
        launch: starts the process and returns at once.
        ready: whether it answers.
        ready_within_s: how long that may take, seconds.
    """

    component: Component
    claims: tuple[tuple[int, str], ...]
    launch: Callable[[], None]
    ready: Callable[[], bool]
    ready_within_s: float

    def check_ports(self) -> None:
        """Refuse to begin while something else holds a port."""
        for port, setting in self.claims:
            ports.require_free(port, self.component.name, setting)

    def await_ready(self) -> None:
        """Wait until it answers; fails with the log's last lines when it dies first."""
        self.component.wait_until(self.ready, self.ready_within_s)
