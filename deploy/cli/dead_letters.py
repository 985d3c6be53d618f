"""``sentinel dead-letters`` and ``sentinel dead-letters replay``."""

from __future__ import annotations

from collections import Counter, deque
from typing import Annotated

import typer
from rich.table import Table

from deploy.clients import dead_letters
from deploy.console import console, say, say_json, shown_bytes
from flink_jobs.settings import load_settings

app = typer.Typer(
    help="Count the records that the job refused by reason and show the latest, or replay them.\n\n"
    "Example: sentinel dead-letters --reason wrong_type --last 3"
)
VALUE_CHARACTERS = 80
Reason = Annotated[str | None, typer.Option("--reason", help="Only records refused for this reason code.")]
Source = Annotated[str | None, typer.Option("--topic", help="Only records that came from this topic.")]


Again = Annotated[bool, typer.Option("--again", help="Send those as well that an earlier replay has sent.")]
Json = Annotated[bool, typer.Option("--json", help="As one line of JSON.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    reason: Reason = None,
    topic: Source = None,
    last: Annotated[int, typer.Option("--last", min=0, help="Number of the latest to show in full.")] = 10,
    json: Json = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    letters = dead_letters.read(load_settings(), dead_letters.DeadLetterFilter(reason, topic))
    counts: Counter[tuple[str, str]] = Counter()
    latest: deque[dead_letters.DeadLetter] = deque(maxlen=last)
    for letter in letters:
        counts[letter.source, letter.reason] += 1
        latest.append(letter)
    if json:
        say_json(
            {
                "counts": [
                    {"topic": source, "reason": code, "records": count}
                    for (source, code), count in counts.most_common()
                ],
                "latest": [_as_json(letter) for letter in latest],
            }
        )
    elif counts:
        _print(counts, list(latest))
    else:
        say("there are no dead letters")


def _print(counts: Counter[tuple[str, str]], latest: list[dead_letters.DeadLetter]) -> None:
    summary = Table("from", "reason", "records")
    for (source, code), count in counts.most_common():
        summary.add_row(source, code, f"{count:,}")
    console.print(summary)
    if not latest:
        return
    details = Table("position", "reason", "detail", "value")
    for letter in latest:
        position = f"{letter.source}[{letter.partition}]@{letter.offset}"
        value = shown_bytes(letter.value, VALUE_CHARACTERS) + (" (cut)" if letter.cut else "")
        details.add_row(position, letter.reason, letter.detail, value)
    console.print(details)


def _as_json(letter: dead_letters.DeadLetter) -> dict[str, object]:
    return {
        "topic": letter.source,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value": None if letter.value is None else letter.value.decode(errors="backslashreplace"),
        "cut": letter.cut,
        "refused_at": letter.refused_at,
    }


@app.command()
def replay(
    reason: Reason = None,
    topic: Source = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the records that would be sent.")] = False,
    again: Again = False,
) -> None:
    """Send dead letters to the topics they came from, with their original key and value.

    A transaction that was decided already is not decided again; a record that is still wrong becomes a new dead letter.
    What an earlier replay has sent is not sent again, and of copies of the same record only the latest is.

    Example: sentinel dead-letters replay --reason time_in_future --dry-run

    Exit code: 1 when letters are left out that hold only the beginning of their record.
    """
    settings = load_settings()
    selected = dead_letters.DeadLetterFilter(reason, topic)
    # Read to the end first: a record that the job refuses again meanwhile must not be sent again.
    letters = list(dead_letters.read(settings, selected))
    sent = dead_letters.SentBefore(settings, again=again)
    pending = dead_letters.pending(letters, sent)
    if dry_run:
        say(f"{len(pending.letters)} dead letters would be replayed{_left_out(pending)}")
    else:
        count = dead_letters.replay(settings, pending.letters)
        sent.add(selected, letters)
        say(f"{count} dead letters replayed{_left_out(pending)}")
    if pending.cut:
        say(
            f"{pending.cut} were too large and hold only the beginning of their record: "
            "send these from where they came, at the positions that `sentinel dead-letters` shows"
        )
        raise typer.Exit(1)


def _left_out(pending: dead_letters.Pending) -> str:
    parts = [f"{pending.sent_before} were sent by an earlier replay"] if pending.sent_before else []
    parts += [f"{pending.copies} are earlier copies of the same records"] if pending.copies else []
    return f"; {', '.join(parts)}" if parts else ""
