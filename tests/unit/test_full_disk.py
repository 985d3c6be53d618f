"""A full disk for checkpoints: every write fails until it is freed, and nothing remains of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import disk


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a small disk, if mounting is allowed."""
    small = tmp_path / "checkpoints"
    disk.mount(small, 2)
    yield small
    disk.unmount(small)
    assert not small.is_mount()


def test_writing_fails_until_the_disk_is_freed(folder: Path) -> None:
    (folder / "job").mkdir()
    assert disk.fill(folder)
    with pytest.raises(OSError):
        (folder / "job" / "more").write_bytes(bytes(10_000))
    disk.free(folder)
    (folder / "job" / "more").write_bytes(bytes(10_000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can mount a disk")
def test_without_a_disk_the_folder_is_made_unwritable(folder: Path) -> None:
    assert "unwritable" in disk.fill(folder)
    disk.free(folder)
