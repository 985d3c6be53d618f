"""``sentinel status``."""

from __future__ import annotations

from collections import Counter

from rich.table import Column, Table

from deploy.clients.consumer_lag import lag
from deploy.clients.flink_rest import FlinkRest, Job, JobNotFoundError
from deploy.console import console, duration, say, size
from deploy.errors import OperationError
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, load_settings


def status() -> None:
    """Show the processes, the job, its checkpoints and failures, and how far it is behind its input.

    Example: sentinel status

    Exit code: 0 also when nothing runs, since that is a state as well.
    """
    settings = load_settings()
    console.print(_processes(settings))
    rest = FlinkRest(settings.flink.rest_url)
    try:
        console.print(_job(rest, rest.running(settings.job.name)))
    except JobNotFoundError as error:
        say(str(error))
    except OperationError as error:
        say(str(error))
        return
    console.print(_lag(settings))


def _processes(settings: Settings) -> Table:
    table = Table("process", "state", "pid", "memory")
    for service in Stack(settings).services():
        name, process = service.process.name, service.process.find()
        if process is None:
            table.add_row(name, "not running here", "", "")
        else:
            table.add_row(name, "up", str(process.pid), size(process.memory_info().rss))
    return table


def _job(rest: FlinkRest, job: Job) -> Table:
    tasks: Counter[str] = Counter()
    for vertex in job.vertices:
        tasks.update(vertex.tasks)
    checkpoints = rest.checkpoints(job.id)
    failures = rest.failures(job.id)
    table = Table(Column(no_wrap=True), Column(overflow="fold"), show_header=False)
    table.add_row("job", f"{job.name} ({job.id})")
    table.add_row("state", f"{job.state} for {duration(job.duration / 1000)}")
    table.add_row("tasks", ", ".join(f"{count} {state.lower()}" for state, count in tasks.items() if count))
    table.add_row("checkpoints", f"{checkpoints.completed} completed, {checkpoints.failed} failed")
    if checkpoints.last_path is not None:
        took, stored = checkpoints.last_duration_ms or 0, checkpoints.last_size_bytes or 0
        table.add_row("last checkpoint", f"{took / 1000:.1f} s, {size(stored)}, {checkpoints.last_path}")
    if failures:
        table.add_row("failures", f"{len(failures)}, the last: {failures[0]}")
    table.add_row("web UI", rest.url)
    return table


def _lag(settings: Settings) -> Table:
    table = Table("input topic", "behind (records)")
    for topic, behind in lag(settings).items():
        table.add_row(topic, "nothing committed yet" if behind is None else f"{behind:,}")
    return table
