"""Flink's client, which builds the job and submits it: its command, its environment, and what its output says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse

from deploy.errors import OperationError
from deploy.job import settings_file
from deploy.paths import ROOT, python_executable
from deploy.stack import flink, flink_configuration
from deploy.stack.process import PRIVATE_UMASK
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings, StackSettings

PACKAGES = ("flink_jobs", "udfs", "state", "models")
CLIENT_WITHIN_S = 180.0
OUR_MESSAGE = "stream-sentinel: "
"""``flink_jobs/job.py`` begins its errors with this."""


def run(
    settings: Settings,
    savepoint: str | None,
    program: Sequence[str],
    project: Path,
    *,
    local: bool,
) -> str:
    """Run Flink's client.

    Args:
        settings: of the cluster and the job; they travel by a file that only this user reads.
        savepoint: path to restore from; None starts with empty state.
        program: arguments that name the program and its own arguments.
        project: folder on this machine whose packages the program imports.
        local: whether the cluster is that of the local stack.

    Returns:
        The id of the job.

    Raises:
        OperationError: with the reason for which the job was not submitted.
    """
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
    python_path = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")]))
    # Settings of the local stack are no business of a job.
    passed_on = settings_file.passed_on(folder, settings.model_copy(update={"stack": StackSettings()}))
    with passed_on as file:
        try:
            result = subprocess.run(
                command,
                env=settings_file.environment_with(environment, file) | {"PYTHONPATH": python_path},
                capture_output=True,
                text=True,
                timeout=CLIENT_WITHIN_S,
                check=False,
                umask=PRIVATE_UMASK,
            )
        except subprocess.TimeoutExpired:
            raise OperationError(f"Flink's client did not submit the job within {CLIENT_WITHIN_S:.0f} s") from None
    submitted = re.search(r"submitted with JobID ([0-9a-f]{32})", result.stdout)
    if submitted is None:
        raise OperationError(f"the job was not submitted: {failure_cause(result.stdout + result.stderr)}")
    return submitted.group(1)


def _remote_environment(settings: Settings, folder: Path) -> dict[str, str]:
    """The environment of Flink's client for another cluster: the connector on its class path, its log in our folder.

    Its configuration is a copy of what is in force, in which the client does not log its environment.
    """
    home = flink_configuration.home(settings)
    lib, conf, logs = (folder / name for name in ("client-lib", "client-conf", "logs"))
    for each in (lib, logs):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    flink_configuration.link_jars(home, lib)
    shutil.rmtree(conf, ignore_errors=True)
    shutil.copytree(os.environ.get("FLINK_CONF_DIR") or home / "conf", conf)
    for file in conf.glob("log4j*.properties"):
        file.write_text(file.read_text() + flink_configuration.SILENCED)
    return os.environ | {"FLINK_LIB_DIR": str(lib), "FLINK_CONF_DIR": str(conf), "FLINK_LOG_DIR": str(logs)}


def _package(target: Path) -> Path:
    """Copy the job's packages into an empty folder to be sent: the project's folder holds gigabytes of other files."""
    shutil.rmtree(target, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def failure_cause(output: str) -> str:
    """Pick the reason from the client's output.

    In this order: the job's own message, the last Python exception, the last Java cause, the last line.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    stated = _own_message(output)
    python = [line for line in lines if re.match(r"(?!java\.|org\.)[\w.]+(Error|Exception|Refused)\b.*: ", line)]
    java = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return stated or (python or java or lines or ["it printed nothing"])[-1]


def _own_message(output: str) -> str:
    """The message of the job and its indented lines, such as one for each wrong setting; empty when there is none."""
    _, found, rest = output.rpartition(f"\n{OUR_MESSAGE}") if not output.startswith(OUR_MESSAGE) else ("", "x", output)
    if not found:
        return ""
    first, *more = rest.removeprefix(OUR_MESSAGE).splitlines()
    belonging = []
    for line in more:
        if not line.startswith("  "):
            break
        belonging.append(line)
    return "\n".join([first.strip(), *belonging])
