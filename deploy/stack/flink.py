"""A real Flink standalone cluster: one JobManager and TaskManagers of one slot, each a process of its own.

Where high availability is wanted, the ZooKeeper that comes with Flink is started before them.

Flink's scripts are run in the foreground: they end in ``exec java``, so the pid we hold is the JVM's, and a test can
kill exactly one TaskManager and start another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from deploy.clients.flink_rest import FlinkRest, FlinkUnreachableError
from deploy.errors import OperationError
from deploy.stack import flink_configuration, ports, zookeeper
from deploy.stack.process import Component
from deploy.stack.service import Service
from flink_jobs.settings import Settings

READY_WITHIN_S = 90.0
FORGOTTEN_WITHIN_S = 60.0
POLL_S = 0.1


def parts(settings: Settings, folder: Path) -> list[Service]:
    """ZooKeeper where it is wanted, the JobManager, then the TaskManagers."""
    numbers = range(1, settings.stack.task_managers + 1)
    before = [keeper(settings, folder)] if settings.stack.high_availability else []
    return [*before, job_manager(settings, folder), *(task_manager(settings, folder, number) for number in numbers)]


def keeper(settings: Settings, folder: Path) -> Service:
    """ZooKeeper of this Flink."""
    port = settings.stack.zookeeper_port
    component = _component("zookeeper", "zookeeper", folder)

    def launch() -> None:
        flink_configuration.lay_out(settings, folder)
        file, data = folder / "flink" / "conf" / zookeeper.FILE, folder / "zookeeper"
        file.write_text(zookeeper.configuration(port, data, ports.LOOPBACK))
        # Not zookeeper.sh, which would stay as the parent of what it starts.
        arguments = ("zookeeper", "--zkConfigFile", str(file), "--peerId", "1")
        _run(settings, component, ["flink-console.sh", *arguments], {"JVM_ARGS": zookeeper.JVM_ARGS})

    return Service(
        component=component,
        claims=((port, "stack.zookeeper_port"),),
        launch=launch,
        ready=lambda: zookeeper.answers(port),
        ready_within_s=READY_WITHIN_S,
    )


def job_manager(settings: Settings, folder: Path) -> Service:
    """The JobManager, which also serves REST and the web UI."""
    port = settings.stack.flink_rest_port
    component = _component("jobmanager", "standalonesession", folder)

    def launch() -> None:
        flink_configuration.lay_out(settings, folder)
        _launch(settings, component, "jobmanager.sh")

    return Service(
        component=component,
        claims=((port, "stack.flink_rest_port"),),
        launch=launch,
        ready=lambda: _task_manager_ids(settings) is not None,
        ready_within_s=READY_WITHIN_S,
    )


def task_manager(settings: Settings, folder: Path, number: int) -> Service:
    """One TaskManager; its name is its resource id in Flink's web UI as well."""
    name = f"taskmanager-{number}"
    component = _component(name, "taskexecutor", folder)
    return Service(
        component=component,
        claims=(),  # it takes whatever ports are free
        launch=lambda: _launch(settings, component, "taskmanager.sh", f"-Dtaskmanager.resource-id={name}"),
        ready=lambda: name in (_task_manager_ids(settings) or ()),
        ready_within_s=READY_WITHIN_S,
    )


def await_forgotten(settings: Settings, names: Collection[str]) -> None:
    """Wait until the JobManager has missed TaskManagers that were stopped: their successors have the same names.

    Raises:
        OperationError: it has not in time.
    """
    deadline = time.monotonic() + FORGOTTEN_WITHIN_S
    while set(names) & set(_task_manager_ids(settings) or ()):
        if time.monotonic() > deadline:
            raise OperationError(f"Flink still counts on {', '.join(names)} {FORGOTTEN_WITHIN_S:.0f} s after their end")
        time.sleep(POLL_S)


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """What Flink's scripts must be told to use this stack's folders and not the package's."""
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


def _component(name: str, service: str, folder: Path) -> Component:
    # Flink's script names its log flink-<ident>-<service>-<index>-<HOSTNAME>.log; the web UI shows the .out beside it.
    return Component(name, folder, folder / "logs" / f"flink-sentinel-{service}-0-{name}.out")


def _launch(settings: Settings, component: Component, script: str, *arguments: str) -> None:
    _run(settings, component, [script, "start-foreground", *arguments], {})


def _run(settings: Settings, component: Component, script: Sequence[str], variables: Mapping[str, str]) -> None:
    folder = component.folder
    own = {"HOSTNAME": component.name, "FLINK_PID_DIR": str(folder / "pids" / component.name)}
    command = [str(flink_configuration.home(settings) / "bin" / script[0]), *script[1:]]
    component.start(command, {**environment(settings, folder), **own, **variables}, folder)


def _task_manager_ids(settings: Settings) -> list[str] | None:
    """The TaskManagers that have registered, or None while the JobManager does not answer."""
    try:
        return FlinkRest(f"http://127.0.0.1:{settings.stack.flink_rest_port}").task_managers()
    except FlinkUnreachableError:
        return None
