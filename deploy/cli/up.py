"""``sentinel up``."""

from __future__ import annotations

import time

from deploy.console import duration, say
from deploy.stack.stack import Stack
from flink_jobs.settings import load_settings


def up() -> None:
    """Start Kafka, Redis and Flink on this machine, and wait until all of them answer.

    What runs already is left as it is. Data of an earlier run is kept; `sentinel down --wipe` deletes it.

    Example: sentinel up
    """
    settings = load_settings()
    stack = Stack(settings)
    if stack.is_up():
        say(f"everything is up already; web UI: {settings.flink.rest_url}")
        return
    started = time.monotonic()
    stack.up(say)
    say(
        f"up after {duration(time.monotonic() - started)}; web UI: {settings.flink.rest_url}; logs: {stack.folder}/logs"
    )
