"""A full disk for checkpoints: it takes nothing more until it is freed, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import disk


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """With a disk of its own, where that is allowed."""
    small = tmp_path / "checkpoints"
    disk.mount(small, 2)
    yield small
    disk.unmount(small)
    assert not small.is_mount()


def test_it_takes_nothing_more_until_it_is_freed(folder: Path) -> None:
    (folder / "job").mkdir()
    assert disk.fill(folder)
    with pytest.raises(OSError):
        (folder / "job" / "more").write_bytes(bytes(10_000))
    disk.free(folder)
    (folder / "job" / "more").write_bytes(bytes(10_000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root gets a disk of its own")
def test_where_no_disk_can_be_made_the_folder_is_unwritable(folder: Path) -> None:
    assert "unwritable" in disk.fill(folder)
    disk.free(folder)
