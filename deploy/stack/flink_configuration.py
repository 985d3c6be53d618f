"""The folders and the config.yaml of Flink: options of the cluster, as opposed to those of the job.

``common`` holds the options of every cluster, ``configuration`` those of the local stack;
``deploy.image.configuration`` makes those of the containers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import OperationError
from deploy.paths import EDGE_JAR, FLINK_JARS, ROOT, python_executable, site_packages
from deploy.stack import java, ports, scratch, zookeeper
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
SILENCED = """
# It writes the whole environment of the client, with every password in it, to the log.
logger.environment.name = org.apache.flink.client.python.PythonEnvUtils
logger.environment.level = WARN
"""
"""Added to every logging configuration of Flink's client."""


def home(settings: Settings) -> Path:
    """Find FLINK_HOME: the setting, else the Flink inside the apache-flink package.

    Raises:
        OperationError: there is none.
    """
    if settings.flink.home is not None:
        return settings.flink.home
    package = find_spec("pyflink")  # found, not imported: importing it takes a second
    if package is None or package.origin is None:
        raise OperationError("there is no Flink: run deploy/setup.sh, or name one with the setting flink.home")
    return Path(package.origin).parent


def savepoint_folder(settings: Settings, folder: Path) -> str:
    """URL of the savepoints: the setting, else a folder inside the stack's."""
    return settings.flink.savepoint_dir or (folder / "flink" / "savepoints").as_uri()


def lay_out(settings: Settings, folder: Path) -> None:
    """Write the conf folder of this stack's Flink, and fill its lib folder with links."""
    flink = folder / "flink"
    for name in ("conf", "lib", "tmp", "checkpoints", "savepoints"):
        (flink / name).mkdir(parents=True, exist_ok=True)
    write(configuration(settings, folder), flink / "conf")
    for name in ("log4j.properties", "log4j-console.properties", "log4j-cli.properties"):
        (flink / "conf" / name).write_text(LOG4J + SILENCED)
    link_jars(home(settings), flink / "lib")


def write(values: Mapping[str, Any], conf: Path) -> None:
    """Write the config.yaml of a conf folder."""
    (conf / "config.yaml").write_text(yaml.safe_dump(dict(values), width=10_000))


def link_jars(flink_home: Path, lib: Path) -> None:
    """Fill a lib folder with links to Flink's jars, its Python jar, the Kafka connector and our own operators.

    flink-python must lie on the class path of the cluster: shipped with each job it is loaded twice, and the second
    submission to the same TaskManager fails.

    Args:
        flink_home: of the Flink whose jars are linked.
        lib: folder, which is emptied first.
    """
    shutil.rmtree(lib)
    lib.mkdir()
    wanted = (
        *java.jars(flink_home / "lib"),
        *(flink_home / "opt").glob("flink-python*.jar"),
        *java.jars(FLINK_JARS),
        EDGE_JAR,
    )
    # By name: another Flink may have some of them in its lib folder already.
    for name, jar in {jar.name: jar for jar in wanted}.items():
        (lib / name).symlink_to(jar)


def configuration(settings: Settings, folder: Path) -> dict[str, Any]:
    """Make config.yaml of the local stack: everything on loopback and in the stack's folder."""
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
        "state.backend.rocksdb.localdir": str(scratch.make(folder, settings.stack.rocksdb_memory_mb)),
        "env.pid.dir": str(folder / "pids"),
    }


def common(settings: Settings, folder: Path) -> dict[str, Any]:
    """Make the options that hold wherever the cluster runs, as flat keys of config.yaml, without addresses.

    They begin with the file that Flink ships, above all the packages that it opens to its JVM.

    Args:
        settings: memory, and the folder of savepoints.
        folder: for checkpoints and savepoints; every process of the cluster must see it.
    """
    shipped = yaml.safe_load((home(settings) / "conf" / "config.yaml").read_text())
    return dict(_flat(shipped)) | {
        "jobmanager.memory.process.size": f"{settings.stack.job_manager_memory_mb}m",
        "taskmanager.memory.process.size": f"{settings.stack.task_manager_memory_mb}m",
        # One slot for each process: a JVM has one Python interpreter with one GIL.
        "taskmanager.numberOfTaskSlots": 1,
        # Jobs are submitted from the command line; an upload form would run anybody's code.
        "web.submit.enable": False,
        "state.backend.type": "rocksdb",
        "execution.checkpointing.incremental": True,
        "execution.checkpointing.dir": (folder / "flink" / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": savepoint_folder(settings, folder),
        # The last checkpoint of a cancelled job can be restored like a savepoint.
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # A fixed number of attempts ends before a killed TaskManager is back.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        # A killed TaskManager is detected after two heartbeats to a closed port, i.e. two seconds; one whose machine
        # is gone after the timeout, whose default is 50 s.
        "heartbeat.interval": "1 s",
        "heartbeat.timeout": "20 s",
        "python.execution-mode": "thread",
        "python.executable": python_executable(),
        "python.client.executable": python_executable(),
        "python.pythonpath": python_path(ROOT),
    }


def python_path(project: Path) -> str:
    """PYTHONPATH of the TaskManagers, as thread mode does not see a venv.

    The project comes first: a package called ``models`` or ``state`` may be installed.
    """
    return f"{project}:{site_packages()}"


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
