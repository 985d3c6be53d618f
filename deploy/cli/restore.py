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
        str, typer.Argument(help="A savepoint, a retained checkpoint, or `latest`: the last taken.")
    ] = LATEST,
) -> None:
    """Submit the job with the state of a savepoint and wait until all of it runs."""
    settings = load_settings()
    if path == LATEST:
        last = savepoints.latest(settings)
        path = last.path
        say(
            f"the last savepoint was taken {duration(time.time() - last.taken_at)} ago: "
            "what came since is decided again"
        )
    savepoints.check(path)
    warning = savepoints.check_shards(settings, path)
    if warning:
        say(warning)
    began = time.monotonic()
    job = submission.submit(settings, path, say)
    say(f"{job.name} runs as {job.id} after {duration(time.monotonic() - began)}, restored from {path}")
