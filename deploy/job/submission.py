"""Submission of the job, to the local stack or to another Flink cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlparse

from deploy.clients.flink_rest import FlinkRest, Job, JobNotFoundError
from deploy.errors import OperationError
from deploy.paths import EDGE_JAR, ROOT, python_executable
from deploy.stack import flink, flink_configuration
from deploy.stack.stack import Stack, silent
from flink_jobs.settings import Settings, StackSettings

JOB_FILE = ROOT / "flink_jobs" / "job.py"
PACKAGES = ("flink_jobs", "udfs", "state", "models")
RUNNING_WITHIN_S = 180.0
CLIENT_WITHIN_S = 180.0
SLOTS_FREE_WITHIN_S = 5.0
"""A job that has just ended keeps its slots for up to half a second."""
POLL_S = 0.5
MAX_FAILURES_AT_START = 3
SETTINGS_PREFIX = str(Settings.model_config["env_prefix"])


def submit(
    settings: Settings,
    savepoint: str | None = None,
    report: Callable[[str], None] = silent,
    job_file: Path = JOB_FILE,
    arguments: Sequence[str] = (),
    project: Path = ROOT,
) -> Job:
    """Submit the job and wait until every one of its tasks runs.

    Args:
        settings: of the cluster and the job.
        savepoint: path to restore from; None starts with empty state.
        report: called with a line of progress.
        job_file: program that builds the job.
        arguments: of that program; ``flink_jobs/job.py`` needs none.
        project: folder on this machine whose packages the program imports.

    Raises:
        OperationError: a job of this name runs already, slots are missing, or the job fails instead of running.
    """
    rest = FlinkRest(settings.flink.rest_url)
    _require_slots(rest, settings)
    local = is_local(settings)
    if local:
        _restart_outdated_task_managers(Stack(settings), rest, report)
    job_id = _run_client(settings, savepoint, ["--python", str(job_file), *arguments], project, local=local)
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
    code = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    newest = max(file.stat().st_mtime for file in [*code, EDGE_JAR])
    if newest <= stack.task_managers_started_at() or any(not job.ended for job in rest.jobs()):
        return
    report("the code is newer than the TaskManagers, restarting them")
    stack.restart_task_managers()


def _run_client(
    settings: Settings,
    savepoint: str | None,
    program: Sequence[str],
    project: Path,
    *,
    local: bool,
) -> str:
    """Run Flink's client; returns the id of the job."""
    folder = Stack(settings).folder
    address = urlparse(settings.flink.rest_url)
    command = [
        str(flink_configuration.home(settings) / "bin" / "flink"),
        "run",
        "--detached",
        "--jobmanager",
        f"{address.hostname}:{address.port}",
        "--pyClientExecutable",
        python_executable(),
        *(["--fromSavepoint", savepoint] if savepoint else []),
        # The local TaskManagers find the project by python.pythonpath; another cluster is sent a copy.
        *([] if local else ["--pyFiles", str(_package(folder / "package"))]),
        *program,
    ]
    environment = flink.environment(settings, folder) if local else _remote_environment(settings, folder)
    # Settings of the local stack are no business of a job.
    environment = settings_environment(environment, settings.model_copy(update={"stack": StackSettings()}))
    python_path = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")]))
    try:
        result = subprocess.run(
            command,
            env=environment | {"PYTHONPATH": python_path},
            capture_output=True,
            text=True,
            timeout=CLIENT_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OperationError(f"Flink's client did not submit the job within {CLIENT_WITHIN_S:.0f} s") from None
    submitted = re.search(r"submitted with JobID ([0-9a-f]{32})", result.stdout)
    if submitted is None:
        raise OperationError(f"Flink's client did not submit the job: {_failure_cause(result.stdout + result.stderr)}")
    return submitted.group(1)


def _remote_environment(settings: Settings, folder: Path) -> dict[str, str]:
    """The environment of Flink's client for another cluster, with the connector on its class path."""
    lib = folder / "client-lib"
    lib.mkdir(parents=True, exist_ok=True)
    flink_configuration.link_jars(flink_configuration.home(settings), lib)
    return os.environ | {"FLINK_LIB_DIR": str(lib)}


def settings_environment(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Make an environment in which ``load_settings`` returns exactly these settings.

    Args:
        environment: whose other variables are kept.
        settings: to be passed on, wherever they came from.
    """
    others = {name: value for name, value in environment.items() if not name.startswith(SETTINGS_PREFIX)}
    # Without the defaults: an older version of the job may not know every setting.
    sections = settings.model_dump(mode="json", exclude_defaults=True)
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in sections.items()}
    # No file: its values, such as properties of Kafka's clients, would be merged with these.
    texts["settings"] = os.devnull
    return others | {f"{SETTINGS_PREFIX}{name.upper()}": text for name, text in texts.items()}


def _package(target: Path) -> Path:
    """Copy the job's packages into an empty folder to be sent: the project's folder holds gigabytes of other files."""
    shutil.rmtree(target, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target


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


def _failure_cause(output: str) -> str:
    """Pick from the client's output the last Python exception, else the last Java cause, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Refused)\b.*: ", line)]
    java = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return (python or java or lines or ["it printed nothing"])[-1]
