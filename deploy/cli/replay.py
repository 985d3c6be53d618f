"""Command ``sentinel replay``: send the rows of a file to Kafka as transactions."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.replay.mapping import ColumnMapping, MappingError, built_in_mappings, load_mapping
from apps.replay.replaying import ReplayOptions, replay_records, send
from apps.replay.rows import FileError, RowFile, open_rows
from deploy.clients import kafka_clients
from deploy.console import console, duration, say
from deploy.errors import OperationError
from flink_jobs.settings import Settings, load_settings
from state.kernel.times import DAY_MS
from udfs.names import Topic


def replay(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV or JSON Lines file, in order of time.")],
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", help=f"Mapping file, or built-in mapping: {', '.join(built_in_mappings())}."),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, FIELD=text-{COLUMN} or FIELD==CONSTANT; may be repeated."),
    ] = None,
    speedup: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of event time per second; by default, no pacing.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of rows.")] = None,
    from_now: Annotated[
        bool, typer.Option("--from-now", help="Shift all times so that the first row happens now.")
    ] = False,
    label_delay: Annotated[
        float | None,
        typer.Option("--labels-after", min=0, help="Send labels too, this many days after their transactions."),
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that is true for fraud; overrides the mapping's.")
    ] = None,
) -> None:
    """Send the rows of a file as transactions."""
    settings = load_settings()
    delay_ms = None if label_delay is None else round(label_delay * DAY_MS)
    try:
        columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
        columns = replace(columns, label=label_column or columns.label)
        rows = open_rows(file)
        options = ReplayOptions(limit=limit, label_delay_ms=delay_ms)
        if from_now:
            options = replace(options, shift_ms=_shift_to_now(rows, columns))
        _send(settings, rows, columns, options, speedup)
    except (MappingError, FileError) as error:
        raise OperationError(str(error)) from None


def _shift_to_now(rows: RowFile, columns: ColumnMapping) -> int:
    first = next(replay_records(rows, columns, ReplayOptions(limit=1)), None)
    if first is None or not first.time:
        raise OperationError("the first row has no readable time, so times cannot be shifted to now")
    return round(time.time() * 1000) - first.time


def _send(
    settings: Settings, rows: RowFile, columns: ColumnMapping, options: ReplayOptions, speedup: float | None
) -> None:
    names = settings.kafka.topics
    topics = {Topic.TRANSACTIONS: names.transactions, Topic.LABELS: names.labels}
    total = min(filter(None, (rows.count, options.limit)), default=None)
    started = time.monotonic()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True) as progress:
        task = progress.add_task(f"replaying {rows.path.name}", total=total)
        counts = send(
            kafka_clients.producer(settings),
            topics,
            replay_records(rows, columns, options),
            speedup,
            lambda done: progress.update(task, completed=done) if done % 500 == 0 else None,
        )
    sent, seconds = counts[Topic.TRANSACTIONS], time.monotonic() - started
    labels = f" and {counts[Topic.LABELS]:,} labels" if counts[Topic.LABELS] else ""
    say(f"{sent:,} transactions{labels} sent in {duration(seconds)} ({sent / max(seconds, 0.001):,.0f}/s)")
