"""A stack that is down leaves no gigabytes behind."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.stack import pruning
from flink_jobs.settings import Settings, StackSettings

MIB = 1024 * 1024


def written(file: Path, at_s: int, size: int = 10) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    for each in (file, file.parent):
        os.utime(each, (at_s, at_s))
    return file


def test_working_files_go_and_topics_stay(tmp_path: Path) -> None:
    topic = written(tmp_path / "kafka" / "data" / "alerts-0" / "0.log", 1)
    for name in pruning.WORKING_FOLDERS:
        written(tmp_path / name / "file", 1, 1000)
    assert pruning.prune(StackSettings(), tmp_path) == 1000 * len(pruning.WORKING_FOLDERS)
    assert topic.exists()
    assert pruning.size_of(tmp_path) == 10


def test_the_checkpoints_of_the_jobs_that_wrote_last_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "flink" / "checkpoints"
    for at_s, name in enumerate(["first", "second", "third"], 1):
        written(folder / name / "chk-1" / "_metadata", at_s)
        os.utime(folder / name, (at_s, at_s))
    pruning.prune(StackSettings(kept_checkpoints=2), tmp_path)
    assert {each.name for each in folder.iterdir()} == {"second", "third"}


def test_the_newest_logs_are_kept(tmp_path: Path) -> None:
    for at_s, name in enumerate(["old.log.2", "middle.log.1", "new.log"], 1):
        written(tmp_path / "logs" / name, at_s, MIB // 2)
    pruning.prune(StackSettings(kept_logs_mb=1), tmp_path)
    assert {each.name for each in (tmp_path / "logs").iterdir()} == {"middle.log.1", "new.log"}


def test_what_is_kept_is_a_setting() -> None:
    stack = Settings().stack
    assert (stack.kept_savepoints, stack.kept_checkpoints, stack.kept_logs_mb) == (10, 2, 200)
