"""Loopback ports: which process holds one, and which are free."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress

import psutil

from deploy.errors import OperationError

LOOPBACK = "127.0.0.1"
CANDIDATES = range(20_000, 32_000)
"""Below the range from which the system takes ports for outgoing connections, so that none is taken by chance between
its choice and its use."""


def require_free(port: int, service: str, setting: str) -> None:
    """Refuse a port that another process listens on.

    Args:
        port: wanted.
        service: that needs it.
        setting: that changes it.

    Raises:
        OperationError: naming the port, the process that holds it as far as the system tells, and the setting.
    """
    with socket.socket() as probe:
        # Without it a port that was closed a second ago still looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise OperationError(
                f"{service} cannot start: port {port} is in use by {port_owner(port)}; "
                f"stop that, or choose another port with the setting {setting}"
            ) from None


def port_owner(port: int) -> str:
    """Name the process that listens on a port, for a message."""
    try:
        connections = psutil.net_connections(kind="tcp")
        listening = (each for each in connections if each.status == psutil.CONN_LISTEN and each.pid is not None)
        pid = next(each.pid for each in listening if each.laddr and each.laddr.port == port)
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except (StopIteration, psutil.Error):
        return "another process"


def free_ports(count: int) -> list[int]:
    """Find distinct ports that nothing listens on now; all are held open until the last is found."""
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(CANDIDATES, len(CANDIDATES)):
            if len(found) == count:
                break
            candidate = held.enter_context(socket.socket())
            with suppress(OSError):
                candidate.bind((LOOPBACK, port))
                found.append(port)
        return found
