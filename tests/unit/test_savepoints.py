"""Savepoints are on record, so that they are found without their path."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import OperationError
from deploy.job import savepoints
from flink_jobs.settings import Settings


def settings(folder: Path, job: str = "fraud") -> Settings:
    return Settings.model_validate({"stack": {"folder": folder}, "job": {"name": job}})


def taken(folder: Path, name: str) -> str:
    """A savepoint that exists."""
    path = folder / name
    path.mkdir()
    return f"file:{path}"


def test_the_last_savepoint_taken_is_found(tmp_path: Path) -> None:
    first, second = taken(tmp_path, "first"), taken(tmp_path, "second")
    savepoints.record(settings(tmp_path), first)
    savepoints.record(settings(tmp_path), second)
    found = savepoints.latest(settings(tmp_path))
    assert (found.path, found.job) == (second, "fraud")


def test_a_savepoint_that_was_deleted_is_skipped(tmp_path: Path) -> None:
    first, second = taken(tmp_path, "first"), taken(tmp_path, "second")
    savepoints.record(settings(tmp_path), first)
    savepoints.record(settings(tmp_path), second)
    (tmp_path / "second").rmdir()
    assert savepoints.latest(settings(tmp_path)).path == first


def test_the_savepoint_of_another_job_is_not_used(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), taken(tmp_path, "mine"))
    savepoints.record(settings(tmp_path, "nightly"), taken(tmp_path, "theirs"))
    assert savepoints.latest(settings(tmp_path)).path == f"file:{tmp_path}/mine"


def test_a_savepoint_on_a_remote_file_system_is_assumed_to_exist(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), "s3://bucket/savepoint-1")
    assert savepoints.latest(settings(tmp_path)).path == "s3://bucket/savepoint-1"


def test_a_plain_path_is_checked_as_well(tmp_path: Path) -> None:
    savepoints.record(settings(tmp_path), str(tmp_path / "nowhere"))
    with pytest.raises(OperationError):
        savepoints.latest(settings(tmp_path))


def test_without_a_savepoint_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="no savepoint of fraud is on record: give its path, or start with"):
        savepoints.latest(settings(tmp_path))


@pytest.mark.parametrize("path", ["/nonexistent/savepoint-1", "file:///nonexistent/savepoint-1", "savepoint-1"])
def test_a_path_that_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(OperationError, match=f"no savepoint or checkpoint at {path}"):
        savepoints.check(path)


def test_a_path_that_exists_or_cannot_be_checked_is_accepted(tmp_path: Path) -> None:
    for path in (str(tmp_path), tmp_path.as_uri(), "s3://bucket/savepoint-1"):
        savepoints.check(path)


def with_shards(folder: Path, shards: int) -> Settings:
    return Settings.model_validate({"stack": {"folder": folder}, "job": {"name": "fraud", "shards": shards}})


def test_a_savepoint_with_other_numbers_of_shards_is_refused(tmp_path: Path) -> None:
    path = taken(tmp_path, "first")
    savepoints.record(with_shards(tmp_path, 4), path)
    assert not savepoints.check_shards(with_shards(tmp_path, 4), path)
    with pytest.raises(OperationError, match=r"restore it with job.shards=4, job.device_shards=2"):
        savepoints.check_shards(with_shards(tmp_path, 2), path)


def test_restoring_a_savepoint_that_is_not_on_record_warns_that_its_number_of_shards_is_unknown(
    tmp_path: Path,
) -> None:
    warning = savepoints.check_shards(with_shards(tmp_path, 8), taken(tmp_path, "first"))
    assert "restored with job.shards=8, job.device_shards=2" in warning


@pytest.mark.parametrize("line", ["", "{", '{"path": "savepoint-1", "job": "fraud", "taken_at": 1.0}'])
def test_a_line_that_is_no_savepoint_is_reported_with_the_file_that_holds_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "savepoints.jsonl").write_text(line + "\n")
    with pytest.raises(OperationError, match=r"savepoints.jsonl holds a line that is no savepoint"):
        savepoints.latest(settings(tmp_path))
