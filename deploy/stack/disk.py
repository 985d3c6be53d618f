"""A small disk for one folder, which can be filled without hurting the machine: a file system in memory (tmpfs).

Only root can mount one. Otherwise the folder is made unwritable instead, which fails writers in the same way.
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
    """Mount a disk at a folder, which is created; returns False where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "stream-sentinel", str(folder)]
    return subprocess.run(command, capture_output=True, check=False, timeout=_WITHIN_S).returncode == 0


def unmount(folder: Path) -> None:
    """Unmount the disk, if there is one."""
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True, timeout=_WITHIN_S)


def fill(folder: Path) -> str:
    """Make every write below a folder fail; returns how, as a phrase for a report."""
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
    return "its disk (tmpfs) is filled to the last byte"


def free(folder: Path) -> None:
    """Undo ``fill``; does nothing to a folder that was not filled."""
    (folder / FILLER).unlink(missing_ok=True)
    if not folder.is_mount():
        for each in _folders(folder):
            each.chmod(0o755)


def _folders(folder: Path) -> list[Path]:
    return [folder, *(each for each in folder.rglob("*") if each.is_dir())]
