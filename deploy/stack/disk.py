"""A small disk for a folder, so that it can be full without hurting the machine: a file system in memory (tmpfs).

Only root can mount one. Elsewhere the folder is made unwritable instead, which looks the same to who writes.
"""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

FILLER = "filler"
_BLOCK = bytes(1 << 20)
_WITHIN_S = 10.0


def mount(folder: Path, size_mib: int) -> bool:
    """Give a folder a disk of its own; False where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "stream-sentinel", str(folder)]
    return subprocess.run(command, capture_output=True, check=False, timeout=_WITHIN_S).returncode == 0


def unmount(folder: Path) -> None:
    """Take the disk away again, if there is one."""
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True, timeout=_WITHIN_S)


def fill(folder: Path) -> str:
    """Let nothing more be written below a folder; returns how, as words for a report."""
    if not folder.is_mount():
        for each in _folders(folder):
            each.chmod(0o555)
        return "the folder is made unwritable"
    with (folder / FILLER).open("wb", buffering=0) as filler:
        try:
            while filler.write(_BLOCK):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return "a disk of its own (tmpfs) is filled to the last byte"


def free(folder: Path) -> None:
    """Undo ``fill``."""
    (folder / FILLER).unlink(missing_ok=True)
    if not folder.is_mount():
        for each in _folders(folder):
            each.chmod(0o755)


def _folders(folder: Path) -> list[Path]:
    return [folder, *(each for each in folder.rglob("*") if each.is_dir())]
