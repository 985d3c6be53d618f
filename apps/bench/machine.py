"""Describe the machine and the software versions that a measurement was made with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from apps.bench.machine_speed import fixed_work_ms
from apps.bench.result import Machine

LoadAverages = tuple[float, float, float]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "flink": "apache-flink",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "numba": "numba",
    "kafka client": "confluent-kafka",
}
JARS = {"kafka connector": "flink-sql-connector-kafka-*.jar", "kafka broker": "kafka_2.*.jar"}
COMMAND_WITHIN_S = 20.0


def load_averages() -> LoadAverages:
    """Return the load averages over 1, 5 and 15 minutes."""
    return os.getloadavg()


def describe_machine(load_before: LoadAverages, fixed_work_before_ms: float) -> Machine:
    """Describe this machine at the end of a run.

    Args:
        load_before: result of ``load_averages`` before the run.
        fixed_work_before_ms: result of ``machine_speed.fixed_work_ms`` before the run.
    """
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(),
        memory_mib=psutil.virtual_memory().total // 2**20,
        load_before=load_before,
        load_after=load_averages(),
        fixed_work_before_ms=round(fixed_work_before_ms, 1),
        fixed_work_after_ms=round(fixed_work_ms(), 1),
        kernel=platform.release(),
    )


def versions(jars: Path) -> dict[str, str]:
    """Return the versions of the project and its dependencies; ``unknown`` where one is not installed.

    Args:
        jars: folder that contains the jars of Kafka and of Flink's connector, at any depth.
    """
    found = {"commit": _commit(), "python": platform.python_version(), "java": _java()}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "unknown"
    for name, pattern in JARS.items():
        # The version begins at the first hyphen before a digit: flink-sql-connector-kafka-5.0.0-2.2.jar.
        jar = next(iter(sorted(jars.rglob(pattern))), None)
        number = re.search(r"-(\d.*)$", jar.stem) if jar is not None else None
        found[name] = number.group(1) if number else "unknown"
    return found


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _commit() -> str:
    """Abbreviated hash, with ``+dirty`` when the work tree has changes."""
    commit = _output_of("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changes = _output_of("git", "-C", str(ROOT), "status", "--porcelain")
    if commit is None:
        return "unknown"
    return commit + ("+dirty" if changes else "")


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    output = _output_of(f"{home}/bin/java" if home else "java", "-version")
    found = re.search(r'version "([^"]+)"', output or "")
    return found.group(1) if found else "unknown"


def _output_of(*command: str) -> str | None:
    """Return the stdout and stderr of a command; None when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None
