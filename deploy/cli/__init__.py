"""The command line ``sentinel``: one file a command, all of them gathered here."""

from __future__ import annotations

import sys

import typer

from apps.kafka_producer import SendingError
from deploy.cli import (
    bench,
    cancel,
    chaos,
    dead_letters,
    demo,
    docs,
    down,
    features,
    patterns,
    replay,
    restore,
    savepoint,
    simulate,
    status,
    stop,
    submit,
    topics,
    up,
    watch,
)
from deploy.console import errors
from deploy.errors import OperationError
from flink_jobs.settings import SettingsError

app = typer.Typer(
    name="sentinel",
    help="Stream Sentinel: run it, watch it, feed it, stop and restart it.",
    no_args_is_help=True,
    add_completion=False,
    # A bug should show its plain traceback, not a page of local variables.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(down.down)
app.command()(status.status)
app.command()(topics.topics)
app.command()(submit.submit)
app.command()(stop.stop)
app.command()(savepoint.savepoint)
app.command()(restore.restore)
app.command()(cancel.cancel)
app.command()(simulate.simulate)
app.command()(replay.replay)
app.command()(watch.watch)
app.command()(features.features)
app.command()(chaos.chaos)
app.command()(docs.docs)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(patterns.app, name="patterns")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Run a command; what a person can mend is one sentence on stderr and exit code 1, never a traceback."""
    try:
        app()
    except (OperationError, SettingsError, SendingError) as error:
        errors.print(f"sentinel: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
