"""What a stack that is down leaves on the disk: working files go, logs and old state are kept within the settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from flink_jobs.settings import StackSettings

WORKING_FOLDERS = ("flink/tmp", "flink/lib", "package", "client-lib", "client-conf")
"""Made anew by the next start or submission; RocksDB's copies in ``flink/tmp`` are the largest."""


def prune(settings: StackSettings, folder: Path) -> int:
    """Delete what nothing needs any more; nothing may run in the folder.

    Working files go whole. Of checkpoints those of the jobs that wrote last are kept, of logs the newest.

    Args:
        settings: how much is kept.
        folder: of the stack.

    Returns:
        Bytes that were freed.
    """
    before = size_of(folder)
    for name in WORKING_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for job in _newest_first(_folders(folder / "flink" / "checkpoints"))[settings.kept_checkpoints :]:
        shutil.rmtree(job, ignore_errors=True)
    prune_logs(folder / "logs", settings.kept_logs_mb * 1024 * 1024)
    return before - size_of(folder)


def prune_logs(folder: Path, kept_bytes: int) -> None:
    """Delete the oldest logs until the others fit."""
    retained = 0
    for log in _newest_first(each for each in folder.glob("*") if each.is_file() and not each.is_symlink()):
        retained += log.stat().st_size
        if retained > kept_bytes:
            log.unlink()


def size_of(folder: Path) -> int:
    """Size of all files below a folder, bytes; links are not followed, and what vanishes meanwhile counts nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() and not file.is_symlink() else 0
        except OSError:
            continue
    return total


def _folders(folder: Path) -> list[Path]:
    return [each for each in folder.glob("*") if each.is_dir() and not each.is_symlink()]


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=_changed_at, reverse=True)


def _changed_at(path: Path) -> float:
    """Time of the last change of a file, or of a folder and what lies in it."""
    inside = path.glob("*") if path.is_dir() else ()
    return max(float(each.stat().st_mtime) for each in (path, *inside))
