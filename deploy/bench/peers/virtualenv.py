"""Virtual environment of peers whose packages conflict with apache-flink's: ``.run/peers-venv``.

Quix Streams needs another version of confluent-kafka than the project. The environment is made by the first run of such
a peer; the set-up of the project does not include it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from deploy.bench.harness import Report
from deploy.errors import OperationError
from deploy.paths import RUN

FOLDER = RUN / "peers-venv"
CONSTRAINTS = Path(__file__).parent / "constraints.txt"
INSTALLED_WITHIN_S = 600.0
_STAMP = FOLDER / ".complete"

# Packages of the project's functions, at the project's versions: numba's cache of machine code is shared.
_SAME_VERSION = ("numba", "numpy", "msgspec", "lightgbm", "pyyaml", "redis", "xxhash")
_ANY_VERSION = ("confluent-kafka", "typing_extensions")


def python_with(requirements: Sequence[str], report: Report) -> str:
    """Return a Python interpreter that has these distributions, and install them if they are missing.

    Args:
        requirements: distributions with their versions; empty for the project's own environment.
        report: shows progress.

    Raises:
        OperationError: they cannot be installed; the message ends with pip's.
    """
    if not requirements:
        return sys.executable
    python = FOLDER / "bin" / "python"
    installed = _STAMP.read_text().splitlines() if _STAMP.exists() else []
    if not set(requirements) <= set(installed):
        report(f"installing {', '.join(requirements)} into {FOLDER}")
        if not python.exists():
            _run([sys.executable, "-m", "venv", str(FOLDER)])
        same = [f"{name}=={version(name)}" for name in _SAME_VERSION]
        install = [str(python), "-m", "pip", "install", "--constraint", str(CONSTRAINTS)]
        _run([*install, *requirements, *same, *_ANY_VERSION])
        _STAMP.write_text("\n".join([*installed, *requirements]) + "\n")
    return str(python)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLED_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise OperationError(f"`{' '.join(command)}` took longer than {INSTALLED_WITHIN_S:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise OperationError(f"`{' '.join(command)}` failed: {lines[-1] if lines else 'without output'}")
