"""ZooKeeper, which stores for Flink which JobManager leads and which jobs run; it comes with Flink.

Used with ``stack.high_availability`` only: then a restarted JobManager continues its jobs from their last checkpoints.
Without it they end with the JobManager.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from deploy.stack import ports
from flink_jobs.settings import Settings

FILE = "zoo.cfg"
HEAP = "-Xms64m -Xmx64m"
JVM_ARGS = f"{HEAP} -Dzookeeper.admin.enableServer=false -Dzookeeper.jmx.log4j.disable=true"
TICK_MS = 1_000
ANSWERS_WITHIN_S = 1.0


def configuration(port: int, data: Path, address: str) -> str:
    """Make zoo.cfg of the single server.

    Args:
        port: for clients.
        data: folder of its snapshots and logs.
        address: to listen on.
    """
    values = {
        "tickTime": TICK_MS,  # sessions last 2 to 20 ticks
        "dataDir": data,
        "clientPort": port,
        "clientPortAddress": address,
        "maxClientCnxns": 0,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def high_availability(settings: Settings, folder: Path, quorum: str) -> dict[str, Any]:
    """Flink's options for high availability, as flat keys of config.yaml; empty without it.

    Args:
        settings: whether there is high availability.
        folder: for data that is too large for ZooKeeper; every process of the cluster must see it.
        quorum: ``host:port`` of ZooKeeper.
    """
    if not settings.stack.high_availability:
        return {}
    return {
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": quorum,
        "high-availability.zookeeper.path.root": "/stream-sentinel",
        "high-availability.storageDir": (folder / "flink" / "high-availability").as_uri(),
        # The successor of a killed JobManager waits until the session of the dead one ends.
        "high-availability.zookeeper.client.session-timeout": "8 s",
        "high-availability.zookeeper.client.connection-timeout": "6 s",
        # A slow ZooKeeper must not restart the job.
        "high-availability.zookeeper.client.tolerate-suspended-connections": True,
    }


def answers(port: int) -> bool:
    """Whether the server answers the command ``srvr``."""
    try:
        with socket.create_connection((ports.LOOPBACK, port), timeout=ANSWERS_WITHIN_S) as connection:
            connection.settimeout(ANSWERS_WITHIN_S)
            connection.sendall(b"srvr")
            return connection.recv(64).startswith(b"Zookeeper version")
    except OSError:
        return False
