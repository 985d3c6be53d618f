"""The environment of peers whose packages do not go together with apache-flink's: ``.run/peers-venv``.

Quix Streams wants another confluent-kafka than the project has. So what the set-up installs stays as it is, and those
who never run the peers install nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from deploy.errors import OperationError
from deploy.paths import RUN

FOLDER = RUN / "peers-venv"
CONSTRAINTS = Path(__file__).parent / "constraints.txt"
INSTALLED_WITHIN_S = 600.0
_STAMP = FOLDER / ".complete"

# What the borrowed functions and the Kafka clients need; numba at our version, since machine code is shared by it.
_BORROWED = ("numba", "numpy", "msgspec", "lightgbm", "pyyaml", "redis", "xxhash")
_FREE = ("confluent-kafka", "typing_extensions")


def python_for(needs: Sequence[str], say: Callable[[str], None]) -> str:
    """The interpreter that has these distributions; they are installed when they are missing.

    Args:
        needs: of a peer; empty for those that the project's own environment can run.
        say: told what is being done.

    Raises:
        OperationError: they cannot be installed; the message ends with pip's own words.
    """
    if not needs:
        return sys.executable
    python = FOLDER / "bin" / "python"
    installed = _STAMP.read_text().splitlines() if _STAMP.exists() else []
    if not set(needs) <= set(installed):
        say(f"installing {', '.join(needs)} into {FOLDER}")
        if not python.exists():
            _run([sys.executable, "-m", "venv", str(FOLDER)])
        borrowed = [f"{name}=={version(name)}" for name in _BORROWED]
        _run([str(python), "-m", "pip", "install", "--constraint", str(CONSTRAINTS), *needs, *borrowed, *_FREE])
        _STAMP.write_text("\n".join([*installed, *needs]) + "\n")
    return str(python)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLED_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise OperationError(f"`{' '.join(command)}` took longer than {INSTALLED_WITHIN_S:.0f} s") from None
    if done.returncode != 0:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise OperationError(f"`{' '.join(command)}` failed: {words[-1] if words else 'it said nothing'}")
