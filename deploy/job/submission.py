"""Submitting the job: to the local stack, or to a Flink cluster that is already there."""

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
from deploy.paths import ROOT, python_executable
from deploy.stack import flink, flink_configuration
from deploy.stack.stack import Stack, silent
from flink_jobs.settings import Settings, StackSettings

JOB_FILE = ROOT / "flink_jobs" / "job.py"
PACKAGES = ("flink_jobs", "udfs", "state", "models")
RUNNING_WITHIN_S = 180.0
CLIENT_WITHIN_S = 180.0
FREED_WITHIN_S = 5.0
"""A job that has just ended has its slots for a moment longer: half a second where the machine is busy."""
POLL_S = 0.5
FAILURES_ENDURED = 3
SETTINGS_PREFIX = str(Settings.model_config["env_prefix"])


def submit(
    settings: Settings,
    savepoint: str | None = None,
    say: Callable[[str], None] = silent,
    job_file: Path = JOB_FILE,
    arguments: Sequence[str] = (),
    project: Path = ROOT,
) -> Job:
    """Submit the job and wait until every one of its tasks runs.

    Args:
        settings: which cluster, and how the job is called.
        savepoint: path to restore from, or None to start with empty state.
        say: told how far it is.
        job_file: the program that builds the job.
        arguments: of that program; our own job needs none.
        project: whose packages it imports, on this machine.

    Raises:
        OperationError: a job of this name runs already, too few slots, or a job that fails instead of running.
    """
    rest = FlinkRest(settings.flink.rest_url)
    _require_room(rest, settings)
    local = is_local(settings)
    if local:
        _forget_old_code(Stack(settings), rest, say)
    job_id = _run_client(
        settings,
        savepoint,
        ["--python", str(job_file), *arguments],
        project,
        local=local,
    )
    say(f"submitted as {job_id}, waiting for its tasks")
    return _await_running(rest, job_id)


def is_local(settings: Settings) -> bool:
    """Whether the cluster of the settings is the one this machine's stack runs."""
    stack = Stack(settings)
    address = urlparse(settings.flink.rest_url)
    job_manager = flink.job_manager(settings, stack.folder).component
    return address.port == settings.stack.flink_rest_port and job_manager.is_running()


def _require_room(rest: FlinkRest, settings: Settings) -> None:
    try:
        running = rest.running(settings.job.name)
    except JobNotFoundError:
        pass
    else:
        raise OperationError(f"{running.name} runs already as {running.id}: end it first with `sentinel stop`")
    free = rest.await_free_slots(settings.job.parallelism, FREED_WITHIN_S)
    if free < settings.job.parallelism:
        raise OperationError(
            f"{settings.job.name} needs {settings.job.parallelism} slots and the cluster has {free} free: "
            "start TaskManagers (`sentinel up`) or lower job.parallelism"
        )


def _forget_old_code(stack: Stack, rest: FlinkRest, say: Callable[[str], None]) -> None:
    """Restart TaskManagers that are older than the code.

    In thread mode a TaskManager has one Python interpreter for all its jobs: what it imported once stays, and a second
    submission would silently run the code of the first.
    """
    newest = max(file.stat().st_mtime for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    if newest <= stack.task_managers_started_at() or any(not job.ended for job in rest.jobs()):
        return
    say("the code is newer than the TaskManagers, restarting them")
    stack.restart_task_managers()


def _run_client(
    settings: Settings,
    savepoint: str | None,
    program: Sequence[str],
    project: Path,
    *,
    local: bool,
) -> str:
    """Run Flink's own client; returns the job's id."""
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
        # The local TaskManagers find the project by python.pythonpath; another cluster must be sent it.
        *([] if local else ["--pyFiles", str(_package(folder / "package"))]),
        *program,
    ]
    environment = flink.environment(settings, folder) if local else _environment_of_client(settings, folder)
    # What the stack is like concerns no job.
    environment = with_settings(environment, settings.model_copy(update={"stack": StackSettings()}))
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
        raise OperationError(f"Flink's client did not submit the job: {_why(result.stdout + result.stderr)}")
    return submitted.group(1)


def _environment_of_client(settings: Settings, folder: Path) -> dict[str, str]:
    """What Flink's client needs to lay out a job for another cluster: the connector beside Flink's own jars."""
    lib = folder / "client-lib"
    lib.mkdir(parents=True, exist_ok=True)
    flink_configuration.link_jars(flink_configuration.home(settings), lib)
    return os.environ | {"FLINK_LIB_DIR": str(lib)}


def with_settings(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """An environment in which ``load_settings`` gives exactly these settings, wherever they came from."""
    others = {name: value for name, value in environment.items() if not name.startswith(SETTINGS_PREFIX)}
    # Nor the defaults: an older version of the job does not know every setting.
    sections = settings.model_dump(mode="json", exclude_defaults=True)
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in sections.items()}
    # No file: what it says beside these, such as properties of Kafka's clients, would be added to them.
    texts["settings"] = os.devnull
    return others | {f"{SETTINGS_PREFIX}{name.upper()}": text for name, text in texts.items()}


def _package(target: Path) -> Path:
    """A clean copy of the job's packages, to be sent along: the project's folder holds gigabytes beside them."""
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
        if job.ended or len(failures) >= FAILURES_ENDURED:
            if not job.ended:
                rest.cancel(job_id, timeout_s=60)
            raise OperationError(f"the job fails instead of running: {failures[0] if failures else job.state}")
        if time.monotonic() > deadline:
            raise OperationError(
                f"not all tasks of {job_id} run after {RUNNING_WITHIN_S:.0f} s; the job is {job.state}"
            )
        time.sleep(POLL_S)


def _why(output: str) -> str:
    """What names the fault in the client's many lines: the Python exception, the last Java cause, or the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Refused)\b.*: ", line)]
    java = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return (python or java or lines or ["it said nothing"])[-1]
