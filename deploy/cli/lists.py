"""``sentinel lists add``, ``remove``, ``show`` and ``import``, and ``sentinel suppress``."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.console import console, say, say_json
from deploy.errors import OperationError
from flink_jobs.settings import Settings, load_settings
from state.kernel.times import DAY_MS
from udfs.names import ListedEntity, ListName

if TYPE_CHECKING:
    from udfs.lists.record import ListRecord

app = typer.Typer(
    help="Block, allow and watch lists, and lists for rules: add, remove, show and import entries.",
    no_args_is_help=True,
)
List = Annotated[str, typer.Argument(help="block, allow, watch, suppress, or the name of a list for rules.")]
Entity = Annotated[ListedEntity, typer.Argument(help="Kind of the entity.")]
Id = Annotated[str, typer.Argument(help="Id of the entity; a country's code, or a network in CIDR.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the topic.")]
Author = Annotated[str | None, typer.Option("--author", help="Who; by default the name of the account here.")]
Since = Annotated[str | None, typer.Option("--since", help="Event time from which it holds; by default now.")]
Until = Annotated[str | None, typer.Option("--until", help="Event time before which it holds, RFC 3339.")]
Days = Annotated[float | None, typer.Option("--days", min=0.0001, help="In place of --until: so many days from now.")]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for the job to read the record; 0: do not wait.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as one line of JSON.")]
_WAIT_S = 15.0
_IMPORT_WAIT_S = 120.0


@app.command()
def add(
    name: List,
    entity: Entity,
    entity_id: Id,
    reason: Reason,
    author: Author = None,
    since: Since = None,
    until: Until = None,
    days: Days = None,
    wait: Wait = _WAIT_S,
    json: Json = False,
) -> None:
    """Put an entity on a list, or change its entry.

    Example: sentinel lists add block device device-9 --reason "stolen, ticket 4711" --days 30

    Exit codes: 0 the record was sent, and the output says whether the job has read it; 1 it was not sent.
    """
    if name == ListName.SUPPRESS:
        raise OperationError("a suppression is added with `sentinel suppress`")
    _send_one(_record(name, entity, entity_id, reason, author, since, _end(until, days)), wait, as_json=json)


@app.command()
def remove(
    name: List,
    entity: Entity,
    entity_id: Id,
    reason: Reason,
    author: Author = None,
    since: Since = None,
    wait: Wait = _WAIT_S,
    json: Json = False,
) -> None:
    """Take an entity off a list, for payments from now on.

    Example: sentinel lists remove block device device-9 --reason "found again"

    Exit codes: 0 the record was sent, and the output says whether the job has read it; 1 it was not sent.
    """
    _send_one(_record(name, entity, entity_id, reason, author, since, None, removed=True), wait, as_json=json)


def suppress(
    entity: Entity,
    entity_id: Id,
    reason: Reason,
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Id of a rule or pattern, or `model`; may be repeated. By default, everything."),
    ] = None,
    author: Author = None,
    since: Since = None,
    until: Until = None,
    days: Days = None,
    wait: Wait = _WAIT_S,
    json: Json = False,
) -> None:
    """Silence rules, patterns or the model for the payments of one entity, for a time.

    Example: sentinel suppress user user-17 --rule late_night --days 14 --reason "works at night, called back"

    Exit codes: 0 the record was sent, and the output says whether the job has read it; 1 it was not sent.
    """
    end = _end(until, days)
    if end is None:
        raise OperationError("a suppression ends: give --days or --until, or use `sentinel lists add allow`")
    record = _record(ListName.SUPPRESS, entity, entity_id, reason, author, since, end, rules=tuple(rules or ()))
    _send_one(record, wait, as_json=json)


@app.command()
def show(
    name: Annotated[str | None, typer.Option("--list", help="Only this list.")] = None,
    entity: Annotated[ListedEntity | None, typer.Option("--entity", help="Only this kind of entity.")] = None,
    entity_id: Annotated[str | None, typer.Option("--id", help="Only this entity.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what has expired, was removed, or is not in force yet.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most entries in the table.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Every entry as one line of JSON.")] = False,
) -> None:
    """Show the entries that are in force now, as the topic has them.

    Example: sentinel lists show --list block --entity device
    """
    # Imports numba, which takes a second.
    from deploy.clients import lists  # noqa: PLC0415
    from udfs.lists.record import normal_id  # noqa: PLC0415

    wanted_id = entity_id if entity_id is None or entity is None else normal_id(entity, entity_id)
    now = _now_ms()
    found = lists.read(load_settings(), lists.EntryFilter(name, entity, wanted_id))
    shown = [one.record for one in found if every or one.in_force(now)]
    if json:
        for record in shown:
            say_json(record)
    elif shown:
        _print(shown, limit)
    else:
        say("there are no such entries" if every else "there are no such entries in force; --all shows the others")


@app.command(name="import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with a header: id, and list, entity, reason, author, since, until, rules.")
    ],
    name: Annotated[str | None, typer.Option("--list", help="List of the rows that name none.")] = None,
    entity: Annotated[ListedEntity | None, typer.Option("--entity", help="Kind of the rows that name none.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Reason of the rows that name none.")] = None,
    author: Author = None,
    until: Until = None,
    days: Days = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and send nothing.")] = False,
    wait: Wait = _IMPORT_WAIT_S,
    json: Json = False,
) -> None:
    """Add the entries of a file, after all rows were checked.

    Example: sentinel lists import compromised.csv --list watch --entity device --reason "leak of June" --days 90

    Exit codes: 0 all rows were sent, and the output says whether the job has read them; 1 rows are bad, and nothing was
    sent, or Kafka failed on the way.
    """
    # Imports numba, which takes a second.
    from deploy.clients import list_file, lists  # noqa: PLC0415

    settings = load_settings()
    options = {
        "list": name,
        "entity": entity,
        "reason": reason,
        "author": author or _account(),
        "until": _end(until, days),
    }
    defaults = {column: str(value) for column, value in options.items() if value is not None}
    with _progress("checking", None) as report:
        records = list_file.read_file(file, defaults, _now_ms(), report)
    if dry_run:
        if json:
            say_json({"entries": len(records), "sent": False})
        else:
            say(f"{len(records):,} entries could be sent; nothing was sent (--dry-run)")
        return
    begun = time.monotonic()
    with _progress("sending", len(records)) as report:
        lists.send(settings, records, report)
    seconds = time.monotonic() - begun
    _say_sent(
        settings, f"{len(records):,} entries sent in {seconds:.1f} s", {"entries": len(records)}, wait, as_json=json
    )


def _send_one(record: ListRecord, wait: float, *, as_json: bool) -> None:
    # Imports numba, which takes a second.
    from deploy.clients import lists  # noqa: PLC0415

    settings = load_settings()
    lists.send(settings, [lists.checked(record)])
    what = "taken off" if record.removed else "put on"
    text = f"{record.entity} {record.id} {what} list {record.list}"
    _say_sent(settings, text, {"entries": 1, "record": record}, wait, as_json=as_json)


def _say_sent(settings: Settings, text: str, outcome: dict[str, object], wait: float, *, as_json: bool) -> None:
    """Say what was sent, and whether the job has read it."""
    from deploy.clients import lists  # noqa: PLC0415

    seconds = lists.wait_until_read(settings, wait) if wait else None
    if as_json:
        say_json(outcome | {"sent": True, "read_after_s": seconds})
    elif seconds is not None:
        say(f"{text}; the job has read it, as of its checkpoint {seconds:.1f} s later")
    else:
        say(f"{text}; the job has not confirmed it" + (f" within {wait:.0f} s: is it running?" if wait else ""))


def _record(
    name: str,
    entity: ListedEntity,
    entity_id: str,
    reason: str,
    author: str | None,
    since: str | None,
    until: int | str | None,
    *,
    rules: tuple[str, ...] = (),
    removed: bool = False,
) -> ListRecord:
    # Imports numba, which takes a second.
    from udfs.lists.record import ListRecord, normal_id  # noqa: PLC0415

    return ListRecord(
        list=name,
        entity=entity,
        id=normal_id(entity, entity_id),
        at=_now_ms(),
        reason=reason,
        author=author or _account(),
        since=_time(since),
        until=until,
        rules=rules,
        removed=removed,
    )


def _end(until: str | None, days: float | None) -> int | str | None:
    if until is not None and days is not None:
        raise OperationError("--until and --days exclude each other: give one of them")
    return _time(until) if days is None else _now_ms() + round(days * DAY_MS)


def _time(text: str | None) -> int | str | None:
    """Epoch milliseconds as a number; other times as they are, to be read with the record."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else text


def _print(records: list[ListRecord], limit: int) -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table("list", "entity", "id", "since", "until", "rules", "reason", "author")
    for record in records[:limit]:
        state = "removed" if record.removed else _shown_time(record.until)
        since = _shown_time(record.at if record.since is None else record.since)
        rules = " ".join(record.rules)
        table.add_row(record.list, record.entity, record.id, since, state, rules, record.reason, record.author)
    console.print(table)
    if len(records) > limit:
        say(f"{len(records) - limit:,} more: --limit, or --json")


def _shown_time(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


@contextmanager
def _progress(doing: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done: progress.update(task, completed=done)


def _account() -> str:
    """Name of the account here; ``unknown`` where the machine has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
