"""``sentinel stop``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.cli.running import running_job
from deploy.console import duration, say
from deploy.job import savepoints


def stop(
    timeout_s: Annotated[float, typer.Option("--timeout", help="Longest time for the savepoint, seconds.")] = 300.0,
) -> None:
    """Stop the job with a savepoint, from which `sentinel restore` continues; no alert is lost or duplicated.

    Example: sentinel stop
    """
    settings, rest, job = running_job()
    rest.await_all_running(job.id, timeout_s)
    started = time.monotonic()
    path = savepoints.stop(settings, rest, job.id, timeout_s)
    say(
        f"{job.name} ({job.id}) stopped after {duration(time.monotonic() - started)}; savepoint: {path}; "
        "`sentinel restore` continues from it"
    )
