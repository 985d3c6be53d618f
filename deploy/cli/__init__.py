"""The command line ``sentinel``: one file for each command, listed here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import typer

from apps.kafka_producer import SendingError
from deploy.cli.lazy import LazyGroup
from deploy.console import complain
from deploy.errors import OperationError
from flink_jobs.settings import SettingsError


class Commands(LazyGroup):
    """All commands, in the order of the help page."""

    targets: ClassVar[Mapping[str, str]] = {
        "demo": "deploy.cli.demo:demo",
        "up": "deploy.cli.up:up",
        "docs": "deploy.cli.docs:docs",
        "down": "deploy.cli.down:down",
        "status": "deploy.cli.status:status",
        "topics": "deploy.cli.topics:topics",
        "submit": "deploy.cli.submit:submit",
        "stop": "deploy.cli.stop:stop",
        "savepoint": "deploy.cli.savepoint:savepoint",
        "restore": "deploy.cli.restore:restore",
        "cancel": "deploy.cli.cancel:cancel",
        "simulate": "deploy.cli.simulate:simulate",
        "replay": "deploy.cli.replay:replay",
        "watch": "deploy.cli.watch:watch",
        "dead-letters": "deploy.cli.dead_letters:app",
        "lists": "deploy.cli.lists:app",
        "suppress": "deploy.cli.lists:suppress",
        "features": "deploy.cli.features:features",
        "backtest": "deploy.cli.backtest:backtest",
        "rules": "deploy.cli.rules:app",
        "patterns": "deploy.cli.patterns:app",
        "thresholds": "deploy.cli.thresholds:app",
        "chaos": "deploy.cli.chaos:chaos",
        "bench": "deploy.cli.bench:app",
    }


app = typer.Typer(
    name="sentinel",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    # A bug should show its plain traceback, not a page of local variables.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def sentinel() -> None:
    """Run Stream Sentinel: start it, feed it, watch it, stop it, restore it.

    `sentinel COMMAND --help` explains a command. Settings come from sentinel.yaml and SENTINEL_ variables.

    Exit codes: 0 done; 1 something outside the program must be corrected first, one sentence on stderr says what; 2
    wrong arguments; 130 interrupted by Ctrl-C or a signal.
    """


def main() -> None:
    """Run a command; an expected failure is one sentence on stderr and exit code 1, never a traceback."""
    try:
        app()
    except (OperationError, SettingsError, SendingError) as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
