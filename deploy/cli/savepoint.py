"""``sentinel savepoint``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.cli.running import running_job
from deploy.console import duration, say
from deploy.job import savepoints


def savepoint(
    timeout_s: Annotated[float, typer.Option("--timeout", help="Longest time for the savepoint, seconds.")] = 300.0,
) -> None:
    """Take a savepoint while the job runs on.

    A job restored from it decides again what came after it; to restart without that, use `sentinel stop`.

    Example: sentinel savepoint
    """
    settings, rest, job = running_job()
    rest.await_all_running(job.id, timeout_s)
    started = time.monotonic()
    path = rest.savepoint(job.id, settings.flink.savepoint_dir or None, timeout_s)
    savepoints.record(settings, path, job.id)
    say(f"savepoint of {job.name} ({job.id}) taken in {duration(time.monotonic() - started)}: {path}")
