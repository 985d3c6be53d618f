"""Submission of the job, to the local stack or to another Flink cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlparse

from deploy.clients import kafka_clients
from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkRest, JobNotFoundError
from deploy.errors import OperationError
from deploy.job import flink_client, in_force, submissions
from deploy.paths import EDGE_JAR, ROOT
from deploy.stack import flink
from deploy.stack.stack import Stack, silent
from flink_jobs.settings import Settings

JOB_FILE = ROOT / "flink_jobs" / "job.py"
RUNNING_WITHIN_S = 180.0
SLOTS_FREE_WITHIN_S = 5.0
"""A job that has just ended keeps its slots for up to half a second."""
POLL_S = 0.5
MAX_FAILURES_AT_START = 3


def submit(
    settings: Settings,
    savepoint: str | None = None,
    report: Callable[[str], None] = silent,
    job_file: Path = JOB_FILE,
    arguments: Sequence[str] = (),
    project: Path = ROOT,
    lost: Mapping[str, int] | None = None,
) -> Job:
    """Submit the job and wait until every one of its tasks runs.

    Args:
        settings: of the cluster and the job.
        savepoint: path to restore from; None starts with empty state.
        report: called with a line of progress.
        job_file: program that builds the job.
        arguments: of that program; ``flink_jobs/job.py`` needs none.
        project: folder on this machine whose packages the program imports.
        lost: records by topic that are gone before the job can read them, to be put on record.

    Raises:
        OperationError: no broker answers, there is no model, a job of this name runs already, slots are missing, or
            the job fails instead of running.
    """
    kafka_clients.admin(settings)  # a job with a wrong address would run, and log megabytes a second
    found = in_force.read(settings)
    rest = FlinkRest(settings.flink.rest_url)
    _require_slots(rest, settings)
    local = is_local(settings)
    if local:
        _restart_outdated_task_managers(Stack(settings), rest, report)
    job_id = flink_client.run(settings, savepoint, ["--python", str(job_file), *arguments], project, local=local)
    submissions.record(settings, job_id, found, dict(lost or {}))
    report(f"submitted as {job_id}, waiting for its tasks")
    return _await_running(rest, job_id)


def is_local(settings: Settings) -> bool:
    """Whether the cluster of the settings is that of the local stack, and runs."""
    stack = Stack(settings)
    address = urlparse(settings.flink.rest_url)
    job_manager = flink.job_manager(settings, stack.folder).process
    return address.port == settings.stack.flink_rest_port and job_manager.is_running()


def _require_slots(rest: FlinkRest, settings: Settings) -> None:
    try:
        running = rest.running(settings.job.name)
    except JobNotFoundError:
        pass
    else:
        raise OperationError(f"{running.name} runs already as {running.id}: end it first with `sentinel stop`")
    free = rest.await_free_slots(settings.job.parallelism, SLOTS_FREE_WITHIN_S)
    if free < settings.job.parallelism:
        raise OperationError(
            f"{settings.job.name} needs {settings.job.parallelism} slots and the cluster has {free} free: "
            "start TaskManagers (`sentinel up`) or lower job.parallelism"
        )


def _restart_outdated_task_managers(stack: Stack, rest: FlinkRest, report: Callable[[str], None]) -> None:
    """Restart TaskManagers that started before the code last changed, unless a job runs.

    In thread mode a TaskManager has one Python interpreter for all its jobs, which keeps what it has imported: another
    submission would silently run the code of the first.
    """
    code = [file for package in flink_client.PACKAGES for file in (ROOT / package).rglob("*.py")]
    newest = max(file.stat().st_mtime for file in [*code, EDGE_JAR])
    if newest <= stack.task_managers_started_at() or any(not job.ended for job in rest.jobs()):
        return
    report("the code is newer than the TaskManagers, restarting them")
    stack.restart_task_managers()


def _await_running(rest: FlinkRest, job_id: str) -> Job:
    deadline = time.monotonic() + RUNNING_WITHIN_S
    while True:
        job = rest.job(job_id)
        if job.all_running:
            return job
        failures = rest.failures(job_id)
        if job.ended or len(failures) >= MAX_FAILURES_AT_START:
            if not job.ended:
                rest.cancel(job_id, timeout_s=60)
            raise OperationError(f"the job fails instead of running: {failures[0] if failures else job.state}")
        if time.monotonic() > deadline:
            raise OperationError(
                f"not all tasks of {job_id} run after {RUNNING_WITHIN_S:.0f} s; the job is {job.state}"
            )
        time.sleep(POLL_S)
