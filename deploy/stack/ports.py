"""Loopback ports: who holds one, and which are free."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress

import psutil

from deploy.errors import OperationError

LOOPBACK = "127.0.0.1"
UNCLAIMED = range(20_000, 32_000)


def require_free(port: int, component: str, setting: str) -> None:
    """Refuse a port that something else listens on.

    Raises:
        OperationError: naming the port, the process that holds it where the system tells, and the setting to change.
    """
    with socket.socket() as probe:
        # Without it a port that was closed a second ago still looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise OperationError(
                f"{component} cannot start: port {port} is in use by {holder(port)}; "
                f"stop that, or choose another port with the setting {setting}"
            ) from None


def holder(port: int) -> str:
    """Who listens on a port, as words for a message."""
    try:
        connections = psutil.net_connections(kind="tcp")
        listening = (each for each in connections if each.status == psutil.CONN_LISTEN and each.pid is not None)
        pid = next(each.pid for each in listening if each.laddr and each.laddr.port == port)
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except (StopIteration, psutil.Error):
        return "another process"


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listens on now.

    All are held open until the last is found, so that none comes twice. They lie below the range from which the system
    gives ports to outgoing connections: between this answer and the listening, nobody gets one of them by chance.
    """
    with ExitStack() as held:
        found: list[int] = []
        for port in random.sample(UNCLAIMED, len(UNCLAIMED)):
            if len(found) == count:
                break
            candidate = held.enter_context(socket.socket())
            with suppress(OSError):
                candidate.bind((LOOPBACK, port))
                found.append(port)
        return found


def accepts(port: int) -> bool:
    """Whether something answers on a loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
