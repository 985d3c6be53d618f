"""The folders and the config.yaml of our Flink: what the cluster decides, as opposed to what the job decides.

``common`` is what every cluster of ours has, ``configuration`` the local stack's; ``deploy.image.configuration`` makes
that of the containers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import OperationError
from deploy.paths import FLINK_JARS, ROOT, python_executable, site_packages
from deploy.stack import java, ports, zookeeper
from flink_jobs.settings import Settings

LOG4J = """\
rootLogger.level = ${env:ROOT_LOG_LEVEL:-INFO}
rootLogger.appenderRef.file.ref = file
appender.file.name = file
appender.file.type = RollingFile
appender.file.append = true
appender.file.fileName = ${sys:log.file}
appender.file.filePattern = ${sys:log.file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %c{1} - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 50MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
"""


def home(settings: Settings) -> Path:
    """FLINK_HOME: the setting, else the whole Flink that the apache-flink package carries.

    Raises:
        OperationError: when there is none.
    """
    if settings.flink.home is not None:
        return settings.flink.home
    package = find_spec("pyflink")  # found, not imported: importing it takes a second
    if package is None or package.origin is None:
        raise OperationError("there is no Flink: run deploy/setup.sh, or name one with the setting flink.home")
    return Path(package.origin).parent


def savepoint_folder(settings: Settings, folder: Path) -> str:
    """Where savepoints go: the setting, else a folder inside the stack's."""
    return settings.flink.savepoint_dir or (folder / "flink" / "savepoints").as_uri()


def lay_out(settings: Settings, folder: Path) -> None:
    """Write the conf folder and link the lib folder of this stack's Flink."""
    flink = folder / "flink"
    for name in ("conf", "lib", "tmp", "checkpoints", "savepoints"):
        (flink / name).mkdir(parents=True, exist_ok=True)
    write(configuration(settings, folder), flink / "conf")
    for name in ("log4j.properties", "log4j-console.properties", "log4j-cli.properties"):
        (flink / "conf" / name).write_text(LOG4J)
    link_jars(home(settings), flink / "lib")


def write(values: Mapping[str, Any], conf: Path) -> None:
    """Write the config.yaml of a conf folder."""
    (conf / "config.yaml").write_text(yaml.safe_dump(dict(values), width=10_000))


def link_jars(flink_home: Path, lib: Path) -> None:
    """Put links into a lib folder: to Flink's own jars, its Python jar and the Kafka connector.

    flink-python must lie on the cluster's own path: shipped with each job it is loaded twice, and the second submission
    to the same TaskManager fails.
    """
    shutil.rmtree(lib)
    lib.mkdir()
    wanted = (
        *java.jars(flink_home / "lib"),
        *(flink_home / "opt").glob("flink-python*.jar"),
        *java.jars(FLINK_JARS),
    )
    # By name: a Flink of one's own may have the last two in its lib folder already.
    for name, jar in {jar.name: jar for jar in wanted}.items():
        (lib / name).symlink_to(jar)


def configuration(settings: Settings, folder: Path) -> dict[str, Any]:
    """The local stack's: everything on loopback and in the stack's folder."""
    (rpc_port,) = ports.free_ports(1)
    quorum = f"{ports.LOOPBACK}:{settings.stack.zookeeper_port}"
    return {
        **common(settings, folder),
        **zookeeper.high_availability(settings, folder, quorum),
        "env.java.opts.taskmanager": settings.stack.task_manager_java_options,
        "jobmanager.rpc.address": ports.LOOPBACK,
        "jobmanager.rpc.port": rpc_port,
        "jobmanager.bind-host": ports.LOOPBACK,
        "taskmanager.host": ports.LOOPBACK,
        "taskmanager.bind-host": ports.LOOPBACK,
        "rest.address": ports.LOOPBACK,
        "rest.bind-address": ports.LOOPBACK,
        "rest.port": settings.stack.flink_rest_port,
        "rest.bind-port": settings.stack.flink_rest_port,
        "io.tmp.dirs": str(folder / "flink" / "tmp"),
        "env.pid.dir": str(folder / "pids"),
    }


def common(settings: Settings, folder: Path) -> dict[str, Any]:
    """What holds wherever the cluster runs, as flat keys of config.yaml.

    Flink's own defaults (its JVM's module openings above all), then ours over them; no addresses.

    Args:
        settings: memory, and where savepoints go.
        folder: for checkpoints and savepoints; every process of the cluster must see it.
    """
    shipped = yaml.safe_load((home(settings) / "conf" / "config.yaml").read_text())
    return dict(_flat(shipped)) | {
        "jobmanager.memory.process.size": f"{settings.stack.job_manager_memory_mb}m",
        "taskmanager.memory.process.size": f"{settings.stack.task_manager_memory_mb}m",
        # One slot a process: one JVM holds one Python interpreter with one GIL.
        "taskmanager.numberOfTaskSlots": 1,
        # Jobs come from the command line; an upload form would run anybody's code.
        "web.submit.enable": False,
        "state.backend.type": "rocksdb",
        "execution.checkpointing.incremental": True,
        "execution.checkpointing.dir": (folder / "flink" / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": savepoint_folder(settings, folder),
        # A cancelled job can be regretted: its last checkpoint stays and can be restored like a savepoint.
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # With a fixed number of attempts the job gave up before a killed TaskManager was back.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        # A killed TaskManager is missed when two heartbeats in a row find its port closed, which takes two seconds;
        # one whose machine is gone after the timeout, not after the default minute.
        "heartbeat.interval": "1 s",
        "heartbeat.timeout": "20 s",
        "python.execution-mode": "thread",
        "python.executable": python_executable(),
        "python.client.executable": python_executable(),
        "python.pythonpath": python_path(ROOT),
    }


def python_path(project: Path) -> str:
    """Where the TaskManagers' Python looks: thread mode does not see a venv.

    The project comes first: `models` or `state` may also be somebody's package.
    """
    return f"{project}:{site_packages()}"


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
