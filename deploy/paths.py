"""Paths on this machine: the project, its set-up and its jars."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / ".run"
KAFKA_JARS = RUN / "jars" / "kafka"
FLINK_JARS = RUN / "jars" / "flink"
EDGE_JAR = RUN / "edge" / "sentinel-edge.jar"
"""Our own operators and schemas, built from ``flink_jobs/java``."""


def under_root(path: Path) -> Path:
    """Resolve a path from the settings: a relative one starts at the project's root, not at the working folder."""
    return path if path.is_absolute() else ROOT / path


def python_executable() -> str:
    """The interpreter of this environment, for the Flink client and the TaskManagers."""
    # Not resolved: a venv is found from the place of the link, not from its target.
    return sys.executable


def site_packages() -> Path:
    """The folder of this environment's packages."""
    return next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
