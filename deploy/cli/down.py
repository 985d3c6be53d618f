"""``sentinel down``."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.clients.flink_rest import FlinkRest
from deploy.console import say
from deploy.errors import OperationError
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, load_settings


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete topics, state, savepoints and logs as well.")] = False,
) -> None:
    """Stop the stack that ``up`` started; its data stays for the next time.

    A job that runs is not saved: `sentinel stop` does that.
    """
    settings = load_settings()
    stack = Stack(settings)
    checkpoint = _last_checkpoint(settings) if stack.is_up() else None
    stopped = stack.down()
    say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if checkpoint is not None and not wipe:
        say(f"{settings.job.name} was running: `sentinel restore {checkpoint}` goes on from its last checkpoint")
    if wipe:
        stack.wipe()
        say(f"deleted {stack.folder}")


def _last_checkpoint(settings: Settings) -> str | None:
    """Of the job, if it runs and has one."""
    rest = FlinkRest(settings.flink.rest_url)
    try:
        return rest.checkpoints(rest.running(settings.job.name).id).last_path
    except OperationError:
        return None
