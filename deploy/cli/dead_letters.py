"""``sentinel dead-letters`` and ``sentinel dead-letters replay``."""

from __future__ import annotations

from collections import Counter, deque
from typing import Annotated

import typer
from rich.table import Table

from deploy.clients import dead_letters
from deploy.console import console, say, shown_bytes
from flink_jobs.settings import load_settings

app = typer.Typer(
    help="Count the records that the job refused by reason and show the latest, or replay them.\n\n"
    "Example: sentinel dead-letters --reason wrong_type --last 3"
)
Reason = Annotated[str | None, typer.Option("--reason", help="Only records refused for this reason code.")]
Source = Annotated[str | None, typer.Option("--topic", help="Only records that came from this topic.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    reason: Reason = None,
    topic: Source = None,
    last: Annotated[int, typer.Option("--last", min=0, help="Number of the latest to show in full.")] = 10,
) -> None:
    if context.invoked_subcommand is not None:
        return
    letters = dead_letters.read(load_settings(), dead_letters.DeadLetterFilter(reason, topic))
    counts: Counter[tuple[str, str]] = Counter()
    latest: deque[dead_letters.DeadLetter] = deque(maxlen=last)
    for letter in letters:
        counts[letter.source, letter.reason] += 1
        latest.append(letter)
    if not counts:
        say("there are no dead letters")
        return
    summary = Table("from", "reason", "records")
    for (source, code), count in counts.most_common():
        summary.add_row(source, code, f"{count:,}")
    console.print(summary)
    if not latest:
        return
    details = Table("position", "reason", "detail", "value")
    for letter in latest:
        position = f"{letter.source}[{letter.partition}]@{letter.offset}"
        details.add_row(position, letter.reason, letter.detail, shown_bytes(letter.value, 80))
    console.print(details)


@app.command()
def replay(
    reason: Reason = None,
    topic: Source = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the records that would be sent.")] = False,
) -> None:
    """Send dead letters to the topics they came from, with their original key and value.

    A transaction that was decided already is not decided again; a record that is still wrong becomes a new dead letter.

    Example: sentinel dead-letters replay --reason time_in_future --dry-run
    """
    settings = load_settings()
    # Read to the end first: a record that the job refuses again meanwhile must not be sent again.
    letters = list(dead_letters.read(settings, dead_letters.DeadLetterFilter(reason, topic)))
    if dry_run:
        say(f"{len(letters)} dead letters would be replayed")
    else:
        say(f"{dead_letters.replay(settings, letters)} dead letters replayed")
