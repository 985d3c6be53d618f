"""An upgrade under load: the job of an earlier version of the code is upgraded to today's with a savepoint."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import yaml

from deploy.chaos.fault import Fault, InfrastructureFault, Target
from deploy.errors import OperationError
from deploy.job import submission
from deploy.paths import ROOT, python_executable
from deploy.stack import flink_configuration

EARLIER = "900b681"
"""The first commit whose stored formats are version 1; raise it only when a release drops support."""
SAVEPOINT_WITHIN_S = 120.0
COMPILED_WITHIN_S = 600.0


class Upgraded(InfrastructureFault):
    def missing_requirement(self) -> str | None:
        """The earlier version comes out of git: an unpacked archive or an image has no history."""
        try:
            _git("cat-file", "-e", f"{EARLIER}^{{commit}}")
        except OperationError as error:
            return str(error)
        return None

    def submit(self, target: Target) -> None:
        """Check the earlier version out, and submit its job to TaskManagers that import its code."""
        project = target.stack.folder / "earlier"
        if not project.exists():
            check_out(EARLIER, project)
            _compile(project)
        _import_from(target, project)
        submission.submit(target.settings, job_file=project / "flink_jobs" / "job.py", project=project)

    def inject(self, target: Target) -> None:
        job = target.rest.running(target.settings.job.name)
        path = target.rest.stop_with_savepoint(job.id, None, SAVEPOINT_WITHIN_S)
        target.rest.await_ended(job.id, SAVEPOINT_WITHIN_S)
        _import_from(target, ROOT)
        submission.submit(target.settings, savepoint=path)

    def revert(self, target: Target) -> None:
        """Let the TaskManagers import today's code, also after an upgrade that failed."""
        if _configuration(target)["python.pythonpath"] != flink_configuration.python_path(ROOT):
            _import_from(target, ROOT)


def check_out(commit: str, folder: Path) -> None:
    """Write the files of a commit into a new folder.

    Raises:
        OperationError: git is not installed, or knows no such commit.
    """
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as files:
        files.extractall(folder)


def _git(*arguments: str) -> bytes:
    try:
        result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        raise OperationError("git is not installed") from None
    if result.returncode != 0:
        cause = result.stderr.decode(errors="replace").strip()
        raise OperationError(f"git {' '.join(arguments)} failed: {cause or result.returncode}")
    return result.stdout


def _compile(project: Path) -> None:
    """Compile the machine code of a version now: otherwise each stage does at its start, which takes half a minute."""
    environment = os.environ | {"PYTHONPATH": str(project)}
    command = [python_executable(), "-m", "udfs.warmup"]
    subprocess.run(command, cwd=project, env=environment, check=True, timeout=COMPILED_WITHIN_S)


def _import_from(target: Target, project: Path) -> None:
    """Let the TaskManagers import the packages of a version, in new processes: an interpreter keeps its imports."""
    values = _configuration(target) | {"python.pythonpath": flink_configuration.python_path(project)}
    flink_configuration.write(values, _conf_folder(target))
    target.stack.restart_task_managers()


def _configuration(target: Target) -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load((_conf_folder(target) / "config.yaml").read_text())
    return values


def _conf_folder(target: Target) -> Path:
    return target.stack.folder / "flink" / "conf"


FAULT: Fault = Upgraded(
    name="upgraded",
    description=f"the job of an earlier version ({EARLIER}) is stopped, and today's is restored from its savepoint",
    duration_s=0.0,
    phase="start",
)
