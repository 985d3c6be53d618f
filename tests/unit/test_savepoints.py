"""Savepoints are found again without their path."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import OperationError
from deploy.job import savepoints
from flink_jobs.settings import Settings


def settings(folder: Path, job: str = "fraud") -> Settings:
    return Settings.model_validate({"stack": {"folder": folder}, "job": {"name": job}})


def taken(folder: Path, name: str) -> str:
    """A savepoint that is there."""
    path = folder / name
    path.mkdir()
    return f"file:{path}"


def test_the_last_savepoint_taken_is_found(tmp_path: Path) -> None:
    first, second = taken(tmp_path, "first"), taken(tmp_path, "second")
    savepoints.record(settings(tmp_path), first)
    savepoints.record(settings(tmp_path), second)
    found = savepoints.latest(settings(tmp_path))
    assert (found.path, found.job) == (second, "fraud")


def test_one_that_was_deleted_since_is_passed_over(tmp_path: Path) -> None:
    first, second = taken(tmp_path, "first"), taken(tmp_path, "second")
    savepoints.record(settings(tmp_path), first)
    savepoints.record(settings(tmp_path), second)
    (tmp_path / "second").rmdir()
    assert savepoints.latest(settings(tmp_path)).path == first


def test_the_savepoint_of_another_job_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), taken(tmp_path, "mine"))
    savepoints.record(settings(tmp_path, "nightly"), taken(tmp_path, "theirs"))
    assert savepoints.latest(settings(tmp_path)).path == f"file:{tmp_path}/mine"


def test_one_on_another_machine_is_believed_to_be_there(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), "s3://bucket/savepoint-1")
    assert savepoints.latest(settings(tmp_path)).path == "s3://bucket/savepoint-1"


def test_a_plain_path_is_looked_at_as_well(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), str(tmp_path / "nowhere"))
    with pytest.raises(OperationError):
        savepoints.latest(settings(tmp_path))


def test_where_none_was_taken_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="no savepoint of fraud is on record: give its path, or start with"):
        savepoints.latest(settings(tmp_path))


@pytest.mark.parametrize("path", ["/nonexistent/savepoint-1", "file:///nonexistent/savepoint-1", "savepoint-1"])
def test_a_path_where_nothing_is_is_refused_before_anything_is_submitted(path: str) -> None:
    with pytest.raises(OperationError, match=f"no savepoint or checkpoint at {path}"):
        savepoints.check(path)


def test_a_path_that_is_there_or_cannot_be_looked_at_is_taken(tmp_path: Path) -> None:
    for path in (str(tmp_path), tmp_path.as_uri(), "s3://bucket/savepoint-1"):
        savepoints.check(path)


def test_one_of_a_version_that_gathered_in_windows_is_known_by_their_names(tmp_path: Path) -> None:
    before, now = taken(tmp_path, "before"), taken(tmp_path, "now")
    (tmp_path / "before" / "_metadata").write_bytes(b"\0user-stage\0\0gather-by-user\0")
    (tmp_path / "now" / "_metadata").write_bytes(b"\0user-stage\0")
    assert savepoints.holds_windows(before)
    assert savepoints.holds_windows(str(tmp_path / "before"))
    assert not savepoints.holds_windows(now)
    assert not savepoints.holds_windows("s3://bucket/savepoint-1"), "it cannot be looked at"


def with_shards(folder: Path, shards: int) -> Settings:
    return Settings.model_validate({"stack": {"folder": folder}, "job": {"name": "fraud", "shards": shards}})


def test_one_that_was_taken_with_other_numbers_of_shards_is_refused(tmp_path: Path) -> None:
    path = taken(tmp_path, "first")
    savepoints.record(with_shards(tmp_path, 4), path)
    assert not savepoints.check_shards(with_shards(tmp_path, 4), path)
    with pytest.raises(OperationError, match=r"restore it with job.shards=4, job.device_shards=2"):
        savepoints.check_shards(with_shards(tmp_path, 2), path)


def test_of_one_that_is_not_on_record_the_number_of_shards_is_not_known_and_whoever_restores_it_is_told(
    tmp_path: Path,
) -> None:
    warning = savepoints.check_shards(with_shards(tmp_path, 8), taken(tmp_path, "first"))
    assert "restored with job.shards=8, job.device_shards=2" in warning


def test_so_is_one_on_record_from_before(tmp_path: Path) -> None:
    path = taken(tmp_path, "first")
    (tmp_path / "savepoints.jsonl").write_text(f'{{"path": "{path}", "job": "fraud", "taken_at": 1.0}}\n')
    assert "before November 2026 the defaults were 4" in savepoints.check_shards(with_shards(tmp_path, 2), path)
    assert savepoints.latest(with_shards(tmp_path, 2)).path == path
