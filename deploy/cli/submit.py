"""``sentinel submit``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.console import duration, say
from deploy.job import in_force, preflight, submission
from flink_jobs.settings import load_settings


def submit(
    job_file: Annotated[
        Path,
        typer.Option("--job-file", help="The program that builds the job.", show_default="flink_jobs/job.py"),
    ] = submission.JOB_FILE,
) -> None:
    """Submit the job with empty state, and wait until all of its tasks run.

    It reads from the committed offsets of its consumer group, or from the beginning of the topics when there are none
    (job.start_from). To continue with its state, use `sentinel restore`. It asks the brokers first, and says which
    model, thresholds, rules and patterns will be in force, and what is gone from the input since those offsets.

    Example: sentinel submit
    """
    settings = load_settings()
    preflight.check_topics(settings)
    say(in_force.describe(in_force.read(settings), in_force.control_records(settings)))
    lost = preflight.lost_records(settings, {}) if settings.job.start_from == "group" else {}
    if lost:
        say(preflight.describe_loss(lost))
    started = time.monotonic()
    job = submission.submit(settings, report=say, job_file=job_file, lost=lost)
    say(f"{job.name} runs as {job.id} after {duration(time.monotonic() - started)}; web UI: {settings.flink.rest_url}")
