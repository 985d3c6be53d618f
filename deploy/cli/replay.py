"""``sentinel replay``."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.replay.mapping import ColumnMapping, MappingError, load_mapping, ready_mappings
from apps.replay.replaying import ReplayOptions, records, send
from apps.replay.rows import FileError, RowFile, open_rows
from deploy.clients import kafka_clients
from deploy.console import console, duration, say
from deploy.errors import OperationError
from flink_jobs.settings import Settings, load_settings
from udfs.names import Topic

DAY_MS = 86_400_000


def replay(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV or JSON lines, in order of time.")],
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", help=f"A mapping file, or one that comes along: {', '.join(ready_mappings())}."),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, FIELD=text-{COLUMN} or FIELD==CONSTANT; may be given often."),
    ] = None,
    speedup: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of event time in a second; without: as fast as it goes.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at most.")] = None,
    until_now: Annotated[
        bool, typer.Option("--from-now", help="Move all times by as much as brings the first row to now.")
    ] = False,
    label_delay: Annotated[
        float | None, typer.Option("--labels-after", min=0, help="Send the truth as well, so many days later.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that is true for fraud, if the mapping names none.")
    ] = None,
) -> None:
    """Send a file's rows as transactions."""
    settings = load_settings()
    delay_ms = None if label_delay is None else round(label_delay * DAY_MS)
    try:
        columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
        columns = replace(columns, label=label_column or columns.label)
        rows = open_rows(file)
        options = ReplayOptions(limit=limit, label_delay_ms=delay_ms)
        if until_now:
            options = replace(options, shift_ms=_to_now(rows, columns))
        _send(settings, rows, columns, options, speedup)
    except (MappingError, FileError) as error:
        raise OperationError(str(error)) from None


def _to_now(rows: RowFile, columns: ColumnMapping) -> int:
    first = next(records(rows, columns, ReplayOptions(limit=1)), None)
    if first is None or not first.time:
        raise OperationError("the first row has no time that can be read, so nothing can be moved to now")
    return round(time.time() * 1000) - first.time


def _send(
    settings: Settings, rows: RowFile, columns: ColumnMapping, options: ReplayOptions, speedup: float | None
) -> None:
    names = settings.kafka.topics
    topics = {Topic.TRANSACTIONS: names.transactions, Topic.LABELS: names.labels}
    total = min(filter(None, (rows.count, options.limit)), default=None)
    begun = time.monotonic()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True) as progress:
        task = progress.add_task(f"replaying {rows.path.name}", total=total)
        counts = send(
            kafka_clients.producer(settings),
            topics,
            records(rows, columns, options),
            speedup,
            lambda done: progress.update(task, completed=done) if done % 500 == 0 else None,
        )
    sent, seconds = counts[Topic.TRANSACTIONS], time.monotonic() - begun
    labels = f" and {counts[Topic.LABELS]:,} labels" if counts[Topic.LABELS] else ""
    say(f"{sent:,} transactions{labels} sent in {duration(seconds)} ({sent / max(seconds, 0.001):,.0f}/s)")
