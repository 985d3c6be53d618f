"""The Java that runs the broker and Flink."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.errors import OperationError


def executable() -> str:
    """Find ``java``: in JAVA_HOME first, as Flink's scripts do, then on the PATH.

    Raises:
        OperationError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    if home:
        return str(Path(home) / "bin" / "java")
    found = shutil.which("java")
    if found is None:
        raise OperationError("java is not on the PATH: install a Java 17 runtime (Debian: openjdk-17-jre-headless)")
    return found


def jars(folder: Path) -> list[Path]:
    """List the jars that the set-up fetched into a folder, by name.

    Raises:
        OperationError: there are none.
    """
    found = sorted(folder.glob("*.jar"))
    if not found:
        raise OperationError(f"there are no jars in {folder}: run deploy/setup.sh, which fetches them")
    return found
