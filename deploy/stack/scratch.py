"""The folder of RocksDB's working files: in memory where there is room, since checkpoints wait for their flush.

They are scratch: checkpoints go to their own folder, and a restarted TaskManager begins with an empty one.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
MIB = 1024 * 1024


def make(stack_folder: Path, wanted_mib: int) -> Path:
    """Make the folder for the processes of a stack that starts.

    Args:
        stack_folder: of the stack.
        wanted_mib: in memory only if so much of it is free (MiB); 0 for never.
    """
    in_memory = _in_memory(stack_folder)
    if wanted_mib and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= wanted_mib * MIB:
        in_memory.mkdir(mode=0o700, exist_ok=True)
        return in_memory
    on_disk = stack_folder / "flink" / "rocksdb"
    on_disk.mkdir(parents=True, exist_ok=True)
    return on_disk


def find(stack_folder: Path) -> Path:
    """The folder that ``make`` made last."""
    in_memory = _in_memory(stack_folder)
    return in_memory if in_memory.exists() else stack_folder / "flink" / "rocksdb"


def remove(stack_folder: Path) -> None:
    """Delete the folder, once no process of the stack runs."""
    shutil.rmtree(find(stack_folder), ignore_errors=True)


def _in_memory(stack_folder: Path) -> Path:
    return MEMORY / f"sentinel-{hashlib.sha256(str(stack_folder.resolve()).encode()).hexdigest()[:16]}"
