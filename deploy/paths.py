"""Where the project, its set-up and its jars lie on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / ".run"
KAFKA_JARS = RUN / "jars" / "kafka"
FLINK_JARS = RUN / "jars" / "flink"


def under_root(path: Path) -> Path:
    """A path from the settings: relative ones are meant from the project's root, not from the caller's folder."""
    return path if path.is_absolute() else ROOT / path


def python_executable() -> str:
    """The interpreter of this environment, for the Flink client and for the code inside the TaskManagers."""
    # Not resolved: a venv is found from the link's place, and the link's target knows nothing of it.
    return sys.executable


def site_packages() -> Path:
    """The folder that holds this environment's packages."""
    return next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
