"""A Flink standalone cluster: a JobManager and TaskManagers of one slot, each a process of its own.

With high availability, the ZooKeeper that comes with Flink starts before them. Flink's scripts run in the foreground
and end in ``exec java``, so the pid on record is the JVM's, and one TaskManager can be killed without the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from deploy.clients.flink_rest import FlinkRest, FlinkUnreachableError
from deploy.errors import OperationError
from deploy.stack import flink_configuration, ports, zookeeper
from deploy.stack.process import ManagedProcess
from deploy.stack.service import Service
from flink_jobs.settings import Settings

READY_WITHIN_S = 90.0
UNREGISTERED_WITHIN_S = 60.0
POLL_S = 0.1


def services(settings: Settings, folder: Path) -> list[Service]:
    """ZooKeeper if there is high availability, the JobManager, then the TaskManagers."""
    numbers = range(1, settings.stack.task_managers + 1)
    before = [zookeeper_service(settings, folder)] if settings.stack.high_availability else []
    return [*before, job_manager(settings, folder), *(task_manager(settings, folder, number) for number in numbers)]


def zookeeper_service(settings: Settings, folder: Path) -> Service:
    """The ZooKeeper of a stack folder."""
    port = settings.stack.zookeeper_port
    process = _process("zookeeper", "zookeeper", folder)

    def launch() -> None:
        flink_configuration.lay_out(settings, folder)
        file, data = folder / "flink" / "conf" / zookeeper.FILE, folder / "zookeeper"
        file.write_text(zookeeper.configuration(port, data, ports.LOOPBACK))
        # Not zookeeper.sh, which would remain as the parent of the JVM.
        arguments = ("zookeeper", "--zkConfigFile", str(file), "--peerId", "1")
        _run(settings, process, ["flink-console.sh", *arguments], {"JVM_ARGS": zookeeper.JVM_ARGS})

    return Service(
        process=process,
        ports=((port, "stack.zookeeper_port"),),
        launch=launch,
        is_ready=lambda: zookeeper.answers(port),
        ready_within_s=READY_WITHIN_S,
    )


def job_manager(settings: Settings, folder: Path) -> Service:
    """The JobManager of a stack folder, which also serves REST and the web UI."""
    port = settings.stack.flink_rest_port
    process = _process("jobmanager", "standalonesession", folder)

    def launch() -> None:
        flink_configuration.lay_out(settings, folder)
        _launch(settings, process, "jobmanager.sh")

    return Service(
        process=process,
        ports=((port, "stack.flink_rest_port"),),
        launch=launch,
        is_ready=lambda: _task_manager_ids(settings) is not None,
        ready_within_s=READY_WITHIN_S,
    )


def task_manager(settings: Settings, folder: Path, number: int) -> Service:
    """One TaskManager of a stack folder; its name is also its resource id in Flink's web UI."""
    name = f"taskmanager-{number}"
    process = _process(name, "taskexecutor", folder)
    return Service(
        process=process,
        ports=(),  # it listens on any free ports
        launch=lambda: _launch(settings, process, "taskmanager.sh", f"-Dtaskmanager.resource-id={name}"),
        is_ready=lambda: name in (_task_manager_ids(settings) or ()),
        ready_within_s=READY_WITHIN_S,
    )


def await_unregistered(settings: Settings, names: Collection[str]) -> None:
    """Wait until the JobManager has dropped TaskManagers that were stopped: their successors have the same names.

    Raises:
        OperationError: it has not in time.
    """
    deadline = time.monotonic() + UNREGISTERED_WITHIN_S
    while set(names) & set(_task_manager_ids(settings) or ()):
        if time.monotonic() > deadline:
            raise OperationError(
                f"{', '.join(names)} are still registered {UNREGISTERED_WITHIN_S:.0f} s after their end"
            )
        time.sleep(POLL_S)


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """The environment in which Flink's scripts use the folders of this stack, not those of the package."""
    home = flink_configuration.home(settings)
    return os.environ | {
        "FLINK_HOME": str(home),
        "FLINK_CONF_DIR": str(folder / "flink" / "conf"),
        "FLINK_LIB_DIR": str(folder / "flink" / "lib"),
        "FLINK_OPT_DIR": str(home / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "FLINK_LOG_DIR": str(folder / "logs"),
        "FLINK_PID_DIR": str(folder / "pids" / "flink"),
        "FLINK_IDENT_STRING": "sentinel",
    }


def _process(name: str, script_service: str, folder: Path) -> ManagedProcess:
    # Flink's script logs to flink-<ident>-<service>-<index>-<HOSTNAME>.log; the web UI shows the .out next to it.
    return ManagedProcess(name, folder, folder / "logs" / f"flink-sentinel-{script_service}-0-{name}.out")


def _launch(settings: Settings, process: ManagedProcess, script: str, *arguments: str) -> None:
    _run(settings, process, [script, "start-foreground", *arguments], {})


def _run(settings: Settings, process: ManagedProcess, script: Sequence[str], variables: Mapping[str, str]) -> None:
    folder = process.folder
    named = {"HOSTNAME": process.name, "FLINK_PID_DIR": str(folder / "pids" / process.name)}
    command = [str(flink_configuration.home(settings) / "bin" / script[0]), *script[1:]]
    process.start(command, {**environment(settings, folder), **named, **variables}, folder)


def _task_manager_ids(settings: Settings) -> list[str] | None:
    """The registered TaskManagers; None while the JobManager does not answer."""
    try:
        return FlinkRest(f"http://127.0.0.1:{settings.stack.flink_rest_port}").task_managers()
    except FlinkUnreachableError:
        return None
