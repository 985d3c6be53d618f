"""``sentinel down``."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.output import say
from deploy.stack.stack import Stack
from flink_jobs.settings import load_settings


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete topics, state, savepoints and logs as well.")] = False,
) -> None:
    """Stop the stack that ``up`` started; its data stays for the next time.

    A job that runs is not saved: `sentinel stop` does that.
    """
    stack = Stack(load_settings())
    stopped = stack.down()
    say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if wipe:
        stack.wipe()
        say(f"deleted {stack.folder}")
