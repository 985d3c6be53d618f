"""``sentinel restore``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.console import duration, say
from deploy.job import savepoints, submission
from flink_jobs.settings import load_settings

LATEST = "latest"


def restore(
    path: Annotated[
        str, typer.Argument(help="Path of a savepoint or retained checkpoint; `latest`: the last savepoint on record.")
    ] = LATEST,
) -> None:
    """Submit the job with the state of a savepoint, and wait until all of its tasks run.

    `sentinel stop` and `sentinel savepoint` record the savepoints that they take. One that was taken with other numbers
    of shards is refused.

    Example: sentinel restore
    """
    settings = load_settings()
    if path == LATEST:
        last = savepoints.latest(settings)
        path = last.path
        say(
            f"the last savepoint was taken {duration(time.time() - last.taken_at)} ago: "
            "transactions decided since then are decided again"
        )
    savepoints.check(path)
    warning = savepoints.check_shards(settings, path)
    if warning:
        say(warning)
    started = time.monotonic()
    job = submission.submit(settings, path, say)
    say(f"{job.name} runs as {job.id} after {duration(time.monotonic() - started)}, restored from {path}")
