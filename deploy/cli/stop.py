"""``sentinel stop``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.cli.running import running_job
from deploy.console import duration, say
from deploy.job import savepoints


def stop(
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds the savepoint may take.")] = 300.0,
) -> None:
    """End the job with a savepoint, from which `sentinel restore` goes on without losing or doubling an alert."""
    settings, rest, job = running_job()
    rest.await_all_running(job.id, timeout_s)
    began = time.monotonic()
    path = savepoints.stop(settings, rest, job.id, timeout_s)
    say(
        f"{job.name} ({job.id}) stopped after {duration(time.monotonic() - began)}; savepoint: {path}; "
        "`sentinel restore` goes on from it"
    )
