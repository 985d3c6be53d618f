"""``sentinel dead-letters`` and ``sentinel dead-letters replay``."""

from __future__ import annotations

from collections import Counter, deque
from typing import Annotated

import typer
from rich.table import Table

from deploy.clients import dead_letters
from deploy.console import console, say
from flink_jobs.settings import load_settings

app = typer.Typer(help="Records that were refused: count them, look at them, send them back.", no_args_is_help=False)
Reason = Annotated[str | None, typer.Option("--reason", help="Only those refused for this reason code.")]
Source = Annotated[str | None, typer.Option("--topic", help="Only those that came from this topic.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    reason: Reason = None,
    topic: Source = None,
    last: Annotated[int, typer.Option("--last", min=0, help="How many of the latest to show in full.")] = 10,
) -> None:
    """Count the dead letters by reason, and show the latest."""
    if context.invoked_subcommand is not None:
        return
    letters = dead_letters.read(load_settings(), dead_letters.Filter(reason, topic))
    counts: Counter[tuple[str, str]] = Counter()
    latest: deque[dead_letters.DeadLetter] = deque(maxlen=last)
    for letter in letters:
        counts[letter.source, letter.reason] += 1
        latest.append(letter)
    if not counts:
        say("there are no dead letters")
        return
    summary = Table("from", "reason", "records")
    for (source, why), count in counts.most_common():
        summary.add_row(source, why, f"{count:,}")
    console.print(summary)
    details = Table("where", "reason", "detail", "value")
    for letter in latest:
        where = f"{letter.source}[{letter.partition}]@{letter.offset}"
        details.add_row(where, letter.reason, letter.detail, repr((letter.value or b"")[:80]))
    console.print(details)


@app.command()
def replay(
    reason: Reason = None,
    topic: Source = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
) -> None:
    """Send dead letters back to the topics they came from, with their original key and value.

    A transaction that was decided already is not decided anew; what is still wrong comes back as a new dead letter.
    """
    settings = load_settings()
    # Read to the end before anything is sent: what the job refuses again meanwhile must not be sent again.
    letters = list(dead_letters.read(settings, dead_letters.Filter(reason, topic)))
    if dry_run:
        say(f"{len(letters)} dead letters would be sent back")
    else:
        say(f"{dead_letters.send_back(settings, letters)} dead letters sent back")
