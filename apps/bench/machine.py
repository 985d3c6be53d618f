"""The machine and the versions that a measurement was made with."""

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

Loads = tuple[float, float, float]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "flink": "apache-flink",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "numba": "numba",
    "kafka client": "confluent-kafka",
}
JARS = {"kafka connector": "flink-sql-connector-kafka-*.jar", "kafka broker": "kafka_2.*.jar"}
ASKED_WITHIN_S = 20.0


def loads() -> Loads:
    """Load averages over 1, 5 and 15 minutes."""
    return os.getloadavg()


def machine(before: Loads, fixed_work_before_ms: float) -> Machine:
    """This machine; both arguments are from before the run, by ``loads`` and by ``fixed_work_ms``."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(),
        memory_mib=psutil.virtual_memory().total // 2**20,
        load_before=before,
        load_after=loads(),
        fixed_work_before_ms=round(fixed_work_before_ms, 1),
        fixed_work_after_ms=round(fixed_work_ms(), 1),
        kernel=platform.release(),
    )


def versions(jars: Path) -> dict[str, str]:
    """Versions of all that takes part; what cannot be found is ``unknown``.

    Args:
        jars: the folder below which the jars of Kafka and of Flink's connector lie.
    """
    found = {"commit": _commit(), "python": platform.python_version(), "java": _java()}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "unknown"
    for name, pattern in JARS.items():
        # The version begins after the last hyphen before a digit: flink-sql-connector-kafka-5.0.0-2.2.jar.
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
    """Abbreviated, with ``+dirty`` where the code differs from it."""
    commit = _asked("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changes = _asked("git", "-C", str(ROOT), "status", "--porcelain")
    if commit is None:
        return "unknown"
    return commit + ("+dirty" if changes else "")


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    told = _asked(f"{home}/bin/java" if home else "java", "-version")
    found = re.search(r'version "([^"]+)"', told or "")
    return found.group(1) if found else "unknown"


def _asked(*command: str) -> str | None:
    """What a command says, on whichever of its outputs; None when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASKED_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None
