"""``sentinel up``."""

from __future__ import annotations

import time

from deploy.console import duration, say
from deploy.stack.stack import Stack
from flink_jobs.settings import load_settings


def up() -> None:
    """Start Kafka, Redis and Flink on this machine, and wait until all of them answer."""
    settings = load_settings()
    stack = Stack(settings)
    if stack.is_up():
        say(f"everything is up already; web UI: {settings.flink.rest_url}")
        return
    began = time.monotonic()
    stack.up(say)
    say(f"up after {duration(time.monotonic() - began)}; web UI: {settings.flink.rest_url}; logs: {stack.folder}/logs")
