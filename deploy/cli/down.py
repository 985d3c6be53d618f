"""``sentinel down``."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.clients.flink_rest import FlinkRest
from deploy.console import say, size
from deploy.errors import OperationError
from deploy.stack.pruning import size_of
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, load_settings


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete topics, state, savepoints and logs as well.")] = False,
) -> None:
    """Stop Kafka, Redis and Flink on this machine; their data is kept.

    A running job is not saved: run `sentinel stop` first. Working files, checkpoints of earlier jobs and old logs are
    deleted, and it says how much is left.

    Example: sentinel down --wipe
    """
    settings = load_settings()
    stack = Stack(settings)
    checkpoint = _last_checkpoint(settings) if stack.is_up() else None
    stopped = stack.down()
    say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if checkpoint is not None and not wipe:
        say(f"{settings.job.name} was running: `sentinel restore {checkpoint}` continues from its last checkpoint")
    if wipe:
        stack.wipe()
        say(f"deleted {stack.folder}")
        return
    freed = stack.prune()
    if freed > 0:
        say(f"freed {size(freed)} of working files, old checkpoints and old logs")
    if remaining := size_of(stack.folder):
        say(f"{size(remaining)} of topics, state and logs stay in {stack.folder}: `sentinel down --wipe` deletes them")


def _last_checkpoint(settings: Settings) -> str | None:
    """Path of the last checkpoint of the job, if the job runs."""
    rest = FlinkRest(settings.flink.rest_url)
    try:
        return rest.checkpoints(rest.running(settings.job.name).id).last_path
    except OperationError:
        return None
