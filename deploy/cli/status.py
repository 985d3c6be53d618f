"""``sentinel status``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import msgspec
import typer
from rich.table import Column, Table

from deploy.clients.consumer_lag import TopicLag, lag
from deploy.clients.flink_answers import Checkpoints, Failure, Job
from deploy.clients.flink_rest import FlinkRest, FlinkUnreachableError, JobNotFoundError
from deploy.console import complain, console, duration, say, say_json, size
from deploy.errors import OperationError
from deploy.job import health, preflight, submissions
from deploy.job.health import Finding, State
from deploy.stack import scratch
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, SettingsError, load_settings


class Process(msgspec.Struct):
    """A process of the local stack; ``pid`` is None when it does not run here."""

    name: str
    pid: int | None
    memory_bytes: int | None


class Report(msgspec.Struct):
    """Everything that ``sentinel status`` shows; None is what could not be found out."""

    state: str
    exit_code: int
    findings: list[Finding]
    processes: list[Process]
    job: Job | None = None
    checkpoints: Checkpoints | None = None
    failures: list[Failure] | None = None
    lag: list[TopicLag] | None = None
    lost_before_start: dict[str, int] | None = None
    web_ui: str = ""


def status(
    json: Annotated[bool, typer.Option("--json", help="As one line of JSON.")] = False,
    max_behind: Annotated[
        int, typer.Option("--max-behind", min=0, help="Records of a topic that may wait before that is degraded.")
    ] = 10_000,
) -> None:
    """Show the processes, the job, its checkpoints and failures, and how far it is behind its input.

    Example: sentinel status --json

    Exit code: 0 healthy; 1 degraded: payments are decided, and something is wrong; 2 down: nothing is decided; 3
    unknown: something could not be asked. These are the codes of monitoring plugins.
    """
    try:
        report = read(load_settings(), max_behind)
    except SettingsError as error:
        complain(str(error))
        raise typer.Exit(State.UNKNOWN) from None
    if json:
        say_json(report)
    else:
        _show(report)
    raise typer.Exit(report.exit_code)


def read(settings: Settings, max_behind: int) -> Report:
    """Ask the processes, Flink and Kafka, and judge what they say; what does not answer is a finding."""
    report = Report(State.UNKNOWN.name.lower(), State.UNKNOWN, [], _processes(settings), web_ui=settings.flink.rest_url)
    found = report.findings
    here = [each for each in report.processes if each.pid is not None]
    if here:
        missing = [each.name for each in report.processes if each.pid is None]
        found += [Finding(State.DEGRADED, f"{name} does not run: start it with `sentinel up`") for name in missing]
    _read_flink(settings, report)
    try:
        report.lag = lag(settings)
        found += health.of_lag(report.lag, max_behind)
    except OperationError as error:
        found.append(Finding(State.DOWN, f"{error}; how far the job is behind is not known"))
    path = report.checkpoints.last_path if report.checkpoints is not None else None
    folder = Stack(settings).folder
    disks = [*health.local_folder(path), folder / "flink" / "checkpoints", folder, scratch.find(folder)]
    found += health.of_disks(disks)
    state = health.overall(found)
    report.state, report.exit_code = state.name.lower(), int(state)
    return report


def _read_flink(settings: Settings, report: Report) -> None:
    rest, found, now_s = FlinkRest(settings.flink.rest_url), report.findings, health.now_s()
    try:
        report.job = job = rest.running(settings.job.name)
        report.failures = rest.timed_failures(job.id)
        report.checkpoints = rest.checkpoints(job.id)
    except (JobNotFoundError, FlinkUnreachableError) as error:
        found.append(Finding(State.DOWN, str(error)))
        return
    except OperationError as error:
        found.append(Finding(State.UNKNOWN, str(error)))
        return
    found += health.of_job(job, report.failures, now_s)
    found += health.of_checkpoints(report.checkpoints, job, settings.job.checkpoint_interval_ms, now_s)
    submission = submissions.find(settings, job.id)
    report.lost_before_start = submission.lost if submission is not None else None


def _processes(settings: Settings) -> list[Process]:
    found = []
    for service in Stack(settings).services():
        process = service.process.find()
        memory = process.memory_info().rss if process is not None else None
        found.append(Process(service.process.name, process.pid if process is not None else None, memory))
    return found


def _show(report: Report) -> None:
    table = Table("process", "state", "pid", "memory")
    for process in report.processes:
        if process.pid is None:
            table.add_row(process.name, "not running here", "", "")
        else:
            table.add_row(process.name, "up", str(process.pid), size(process.memory_bytes or 0))
    console.print(table)
    if report.job is not None:
        console.print(_job(report, report.job))
    if report.lag is not None:
        console.print(_lag(report.lag))
    say(report.state)
    for finding in report.findings:
        say(f"· {finding.text}")
    for note in _unknown(report):
        say(f"· not known: {note}")


def _job(report: Report, job: Job) -> Table:
    tasks: Counter[str] = Counter()
    for vertex in job.vertices:
        tasks.update(vertex.tasks)
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False)
    table.add_row("job", f"{job.name} ({job.id})")
    table.add_row("state", f"{job.state} for {duration(job.duration / 1000)}")
    table.add_row("tasks", ", ".join(f"{count} {state.lower()}" for state, count in tasks.items() if count))
    checkpoints, failures = report.checkpoints, report.failures
    if checkpoints is not None:
        table.add_row("checkpoints", _counts(checkpoints))
        if checkpoints.failures:
            ago = duration(max(0.0, health.now_s() - checkpoints.failures[0].at_ms / 1000))
            table.add_row("last failed checkpoint", f"{ago} ago: {checkpoints.failures[0].cause}")
        if checkpoints.last_path is not None:
            took, stored = checkpoints.last_duration_ms or 0, checkpoints.last_size_bytes or 0
            table.add_row("last checkpoint", f"{took / 1000:.1f} s, {size(stored)}, {checkpoints.last_path}")
    if failures:
        table.add_row("failures", f"{len(failures)}, the last: {failures[0].cause}")
    if report.lost_before_start:
        table.add_row("before the start", preflight.describe_loss(report.lost_before_start))
    table.add_row("web UI", report.web_ui)
    return table


def _counts(checkpoints: Checkpoints) -> str:
    failed = len(checkpoints.failures)
    text = f"{checkpoints.completed} completed, {failed} failed"
    if checkpoints.never_began:
        text += f", {checkpoints.never_began} not begun before all tasks ran"
    if checkpoints.cause_unknown:
        text += f", {checkpoints.cause_unknown} earlier ones failed or did not begin"
    return text


def _lag(lags: list[TopicLag]) -> Table:
    table = Table("input topic", "behind (records)", "")
    for each in lags:
        notes = [] if each.committed else ["nothing committed yet"]
        notes += [f"{each.unread_partitions} partitions not read yet"] if each.unread_partitions else []
        notes += [f"{each.lost:,} deleted before they were read"] if each.lost else []
        table.add_row(each.topic, f"{each.behind:,}" if each.exact else f"about {each.behind:,}", "; ".join(notes))
    return table


def _unknown(report: Report) -> list[str]:
    """What this report cannot tell."""
    notes = []
    if report.job is not None and report.lost_before_start is None:
        notes.append("whether input was lost before the start, since the job was submitted from another machine")
    if report.checkpoints is not None and report.checkpoints.cause_unknown:
        notes.append("why earlier checkpoints failed, since Flink lists the last ten only")
    if report.lag is not None and not all(each.exact for each in report.lag):
        notes.append("how many of the records behind are markers of transactions")
    return notes + [
        f"whether one offset that was deleted unread in each of {each.uncertain} partitions of {each.topic} "
        "was a record or the marker of a transaction"
        for each in report.lag or ()
        if each.uncertain
    ]
