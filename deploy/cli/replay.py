"""Command ``sentinel replay``: send the rows of a file to Kafka as transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.replay.bad_rows import BadRows, FileError
from apps.replay.checking import Rehearsal, job_check, rehearse
from apps.replay.looking import FoundFormats, look
from apps.replay.mapping import ColumnMapping, MappingError
from apps.replay.mapping_file import built_in_mappings, checked_zone, load_mapping
from apps.replay.replaying import ReplayOptions, ReplayRecord, replay_records, send
from apps.replay.rows import RowFile, open_rows
from apps.replay.text_format import TextFormat
from apps.replay.values import DecimalSign, TimeUnit
from deploy.clients import kafka_clients
from deploy.clients.newest_payment import newest_event_time
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
        bool, typer.Option("--from-now", help="Shift all times so that the first row happens now; with --speedup.")
    ] = False,
    until_now: Annotated[
        bool, typer.Option("--until-now", help="Shift all times so that the last payment or label happens now.")
    ] = False,
    label_delay: Annotated[
        float | None,
        typer.Option("--labels-after", min=0, help="Send labels too, this many days after their transactions."),
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that is true for fraud; overrides the mapping's.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Character between columns of CSV, or tab, semicolon, pipe; found by default.")
    ] = None,
    quote: Annotated[str | None, typer.Option(help="Character around columns of CSV, or none; found.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of text, such as cp1252; by default UTF-8, or as the file's mark says.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal sign of numbers, . or , ; found by default.")] = None,
    null_words: Annotated[
        list[str] | None, typer.Option("--null", help="Text that means nothing in any column; may be repeated.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="strptime format of times, such as '%d.%m.%Y %H:%M'; found by default.")
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help=f"Unit of times that are numbers: {', '.join(get_args(TimeUnit))}; found.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of times without one, such as Europe/Berlin; UTC by default.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be sent, and list them by reason.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one line of JSON.")] = False,
) -> None:
    """Send the rows of a file as transactions, after all of them were checked.

    How the file is written is found by looking at it, and said. Rows that cannot be read, or that the job would refuse,
    are named with column and reason, and then nothing is sent, unless --skip-bad leaves such rows out.

    Exit codes: 0 all rows were sent, with --skip-bad all that can be; 1 nothing was sent, or the cluster failed on the
    way and the message says how many were sent.
    """
    settings = load_settings()
    if from_now and until_now:
        raise OperationError("--from-now and --until-now exclude each other: choose one")
    try:
        columns = (load_mapping(mapping) if mapping else ColumnMapping()).with_fields(fields or ())
        columns = replace(
            columns,
            label=label_column or columns.label,
            text_format=TextFormat(
                columns.text_format.delimiter if delimiter is None else delimiter,
                columns.text_format.quote if quote is None else quote,
                encoding or columns.text_format.encoding,
            ),
            decimal=_one_of("--decimal", decimal, DecimalSign) or columns.decimal,
            null_words=columns.null_words | frozenset(null_words or ()),
            time_format=time_format or columns.time_format,
            timestamp_unit=_one_of("--time-unit", time_unit, TimeUnit) or columns.timestamp_unit,
            time_zone=checked_zone(time_zone) or columns.time_zone,
        )
        rows = open_rows(file, columns.text_format)
        found = look(rows, columns)
        if not as_json:
            for note in (f"{file.name}: {rows.note()}", *found.notes):
                say(note)
        options = ReplayOptions(
            limit=limit, label_delay_ms=None if label_delay is None else round(label_delay * DAY_MS)
        )
        plan = _Replay(rows, columns, found, options)
        plan = plan.shifted(from_now=from_now, until_now=until_now)
        _run(settings, plan, speedup, skip_bad=skip_bad, dry_run=dry_run, as_json=as_json)
    except (MappingError, FileError) as error:
        raise OperationError(str(error)) from None


def _one_of(option: str, text_format: str | None, choices: Any) -> Any:  # noqa: ANN401 - any Literal
    if text_format is not None and text_format not in get_args(choices):
        raise OperationError(f"{option} {text_format} is not known: use one of {' '.join(get_args(choices))}")
    return text_format


@dataclass(frozen=True)
class _Replay:
    """A file, how it is read, and what becomes of its rows."""

    file: RowFile
    mapping: ColumnMapping
    found: FoundFormats
    options: ReplayOptions

    def records(self, bad: BadRows) -> Iterator[ReplayRecord]:
        """Generate the records, and count the rows that cannot be sent."""
        return replay_records(self.file, self.mapping, self.options, bad.add, self.found)

    def shifted(self, *, from_now: bool, until_now: bool) -> _Replay:
        """Return a replay of which the first or the last record happens now; unchanged if neither is asked for."""
        if not (from_now or until_now):
            return self
        times = (record.time for record in self.records(BadRows()) if record.time is not None)
        fixed = next(times, None) if from_now else max(times, default=None)
        if fixed is None:
            raise OperationError("no row has a readable time, so times cannot be shifted to now: see --time-format")
        return replace(self, options=replace(self.options, shift_ms=_now_ms() - fixed))


def _now_ms() -> int:
    return round(time.time() * 1000)


def _run(
    settings: Settings, plan: _Replay, speedup: float | None, *, skip_bad: bool, dry_run: bool, as_json: bool
) -> None:
    """Check all rows, and send them unless some are bad."""
    newest = None if dry_run else newest_event_time(settings)
    late_before = None if newest is None else newest - round(settings.event_time.out_of_orderness_s * 1000)
    plan = replace(plan, options=replace(plan.options, check=job_check(settings.limits, _now_ms(), speedup)))
    bad = BadRows()
    with _progress(plan, "checking") as report:
        found = rehearse(plan.records(bad), late_before, report)
    _refuse(bad, found, skip_bad=skip_bad)
    if not as_json:
        if bad:
            say("\n".join([f"{len(bad):,} left out, by reason:", *bad.lines()]))
        if found.late:
            say(f"{found.late:,} of {found.payments:,} payments will be late: the newest payment in Kafka is later")
    outcome = {"payments": found.payments, "labels": found.labels, "late": found.late, "left_out": bad.by_reason()}
    outcome["sent"] = not dry_run
    if not dry_run:
        _send(settings, plan, speedup, quiet=as_json)
    elif not as_json:
        say(f"{_counted(found.payments, found.labels)} could be sent; nothing was sent (--dry-run)")
    if as_json:
        say(msgspec.json.encode(outcome).decode())


def _refuse(bad: BadRows, found: Rehearsal, *, skip_bad: bool) -> None:
    if bad and not (skip_bad and found.payments):
        advice = "every row is bad" if not found.payments else "correct or map them, or leave them out with --skip-bad"
        raise OperationError(
            "\n".join(
                [f"{len(bad):,} cannot be sent, so nothing was sent: {advice}{_moved(bad)}. By reason:", *bad.lines()]
            )
        )
    if not found.payments:
        raise OperationError("the file has no rows, so nothing was sent")


def _moved(bad: BadRows) -> str:
    times = any(reason.startswith("time_") for reason in bad.by_reason())
    return "; --until-now moves the times of a file to the present" if times else ""


def _counted(payments: int, labels: int) -> str:
    return f"{payments:,} transactions" + (f" and {labels:,} labels" if labels else "")


@contextmanager
def _progress(plan: _Replay, doing: str) -> Iterator[Callable[[int], None]]:
    total = min(filter(None, (plan.file.count, plan.options.limit)), default=None)
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done: progress.update(task, completed=done) if done % 500 == 0 else None


def _send(settings: Settings, plan: _Replay, speedup: float | None, *, quiet: bool) -> None:
    names = settings.kafka.topics
    topics = {Topic.TRANSACTIONS: names.transactions, Topic.LABELS: names.labels}
    started = time.monotonic()
    counts: Mapping[Topic, int] = {Topic.TRANSACTIONS: 0, Topic.LABELS: 0}
    done = False
    try:
        with _progress(plan, "sending") as report:

            def count(sent: Mapping[Topic, int]) -> None:
                nonlocal counts
                counts = sent
                report(sent[Topic.TRANSACTIONS])

            send(kafka_clients.producer(settings), topics, plan.records(BadRows()), speedup, count)
        done = True
    finally:
        sent, seconds = counts[Topic.TRANSACTIONS], time.monotonic() - started
        text = _counted(sent, counts[Topic.LABELS])
        if not done:
            say(f"ended early: at most {text} were sent")
        elif not quiet:
            say(f"{text} sent in {duration(seconds)} ({sent / max(seconds, 0.001):,.0f}/s)")
