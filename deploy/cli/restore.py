"""``sentinel restore``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkRest, JobNotFoundError
from deploy.console import duration, say
from deploy.job import in_force, preflight, savepoints, submission
from flink_jobs.settings import Settings, load_settings

LATEST = "latest"


def restore(
    path: Annotated[
        str, typer.Argument(help="Path of a savepoint or retained checkpoint; `latest`: the last savepoint on record.")
    ] = LATEST,
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="Restore although model or thresholds differ from the savepoint's."),
    ] = False,
    or_submit: Annotated[
        bool,
        typer.Option(
            "--or-submit",
            help="Without a savepoint on record submit the job with empty state; leave a job alone that runs.",
        ),
    ] = False,
) -> None:
    """Submit the job with the state of a savepoint, and wait until all of its tasks run.

    `sentinel stop` and `sentinel savepoint` record the savepoints that they take. One that was taken with other numbers
    of shards, another model or other thresholds is refused. What came after the savepoint and is gone from the input is
    counted.

    Example: sentinel restore
    """
    settings = load_settings()
    if or_submit and (running := _running(settings)) is not None:
        say(f"{running.name} runs already as {running.id}")
        return
    preflight.check_topics(settings)
    if or_submit and path == LATEST and not savepoints.any_on_record(settings):
        say("no savepoint is on record: the job starts with empty state")
        _submit(settings, None, preflight.lost_records(settings, {}) if settings.job.start_from == "group" else {})
        return
    if path == LATEST:
        last = savepoints.latest(settings)
        path = last.path
        say(
            f"the last savepoint was taken {duration(time.time() - last.taken_at)} ago: "
            "transactions decided since then are decided again"
        )
    savepoints.check(path)
    for warning in filter(None, [savepoints.check_shards(settings, path)]):
        say(warning)
    recorded = savepoints.find(settings, path)
    now = in_force.read(settings)
    then = recorded.in_force if recorded is not None else None
    for warning in in_force.require_same(now, then, path, accepted=accept_changes):
        say(warning)
    if recorded is None or not recorded.offsets:
        say(f"the offsets of {path} are not on record: what is lost is counted from those that were committed last")
    _submit(settings, path, preflight.lost_records(settings, recorded.offsets if recorded is not None else {}))


def _running(settings: Settings) -> Job | None:
    try:
        return FlinkRest(settings.flink.rest_url).running(settings.job.name)
    except JobNotFoundError:
        return None


def _submit(settings: Settings, path: str | None, lost: dict[str, int]) -> None:
    say(in_force.describe(in_force.read(settings), in_force.control_records(settings)))
    if lost:
        say(preflight.describe_loss(lost))
    started = time.monotonic()
    job = submission.submit(settings, path, say, lost=lost)
    origin = f"restored from {path}" if path is not None else "with empty state"
    say(f"{job.name} runs as {job.id} after {duration(time.monotonic() - started)}, {origin}")
