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

EARLIER = "HEAD"
"""The first commit whose stored formats are version 1; raise it only when a release drops support."""
SAVEPOINT_WITHIN_S = 120.0
COMPILED_WITHIN_S = 600.0


class Upgraded(InfrastructureFault):
    def submit(self, scene: Target) -> None:
        """Check the earlier version out, and submit its job to TaskManagers that import its code."""
        project = scene.stack.folder / "earlier"
        if not project.exists():
            check_out(EARLIER, project)
            _compile(project)
        _import_from(scene, project)
        submission.submit(scene.settings, job_file=project / "flink_jobs" / "job.py", project=project)

    def inject(self, scene: Target) -> None:
        job = scene.rest.running(scene.settings.job.name)
        path = scene.rest.stop_with_savepoint(job.id, None, SAVEPOINT_WITHIN_S)
        scene.rest.await_ended(job.id, SAVEPOINT_WITHIN_S)
        _import_from(scene, ROOT)
        submission.submit(scene.settings, savepoint=path)

    def revert(self, scene: Target) -> None:
        """Let the TaskManagers import today's code again, also after a failed upgrade."""
        if _configuration(scene)["python.pythonpath"] != flink_configuration.python_path(ROOT):
            _import_from(scene, ROOT)


def check_out(commit: str, folder: Path) -> None:
    """Write the files of a commit into a new folder.

    Raises:
        OperationError: git is missing, or its history holds no such commit.
    """
    try:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        raise OperationError(f"git is not installed, so {commit} cannot be checked out") from None
    if archive.returncode != 0:
        cause = archive.stderr.decode(errors="replace").strip()
        raise OperationError(f"git cannot check {commit} out: {cause}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder)


def _compile(project: Path) -> None:
    """Compile the machine code of a version now: otherwise each stage compiles it at its start, for half a minute."""
    environment = os.environ | {"PYTHONPATH": str(project)}
    command = [python_executable(), "-m", "udfs.warmup"]
    subprocess.run(command, cwd=project, env=environment, check=True, timeout=COMPILED_WITHIN_S)


def _import_from(scene: Target, project: Path) -> None:
    """Let the TaskManagers import the packages of a version, in new processes: an interpreter keeps its imports."""
    values = _configuration(scene) | {"python.pythonpath": flink_configuration.python_path(project)}
    flink_configuration.write(values, _conf(scene))
    scene.stack.restart_task_managers()


def _configuration(scene: Target) -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load((_conf(scene) / "config.yaml").read_text())
    return values


def _conf(scene: Target) -> Path:
    return scene.stack.folder / "flink" / "conf"


FAULT: Fault = Upgraded(
    name="upgraded",
    what=f"the job of an earlier version ({EARLIER}) is stopped with a savepoint, and this version restored from it",
    lasts_s=0.0,
    mixes=False,
)
