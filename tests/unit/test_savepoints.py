"""Savepoints are on record, so that they are found without their path."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.clients import consumer_lag
from deploy.errors import OperationError
from deploy.job import in_force, savepoints, submissions
from deploy.job.in_force import InForce
from flink_jobs.settings import Settings


def settings(folder: Path, job: str = "fraud") -> Settings:
    return Settings.model_validate({"stack": {"folder": folder}, "job": {"name": job}})


COMMITTED = {"transactions": {0: 20, 1: 0}}


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets that the job has committed."""
    monkeypatch.setattr(consumer_lag, "committed_offsets", lambda _: COMMITTED)


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
    with pytest.raises(OperationError, match=r"restore it with job.shards=4, job.device_shards="):
        savepoints.check_shards(with_shards(tmp_path, 2), path)


def test_restoring_a_savepoint_that_is_not_on_record_warns_that_its_number_of_shards_is_unknown(
    tmp_path: Path,
) -> None:
    warning = savepoints.check_shards(with_shards(tmp_path, 8), taken(tmp_path, "first"))
    assert "restored with job.shards=8, job.device_shards=" in warning


@pytest.mark.parametrize("line", ["", "{", '{"path": "savepoint-1", "job": "fraud", "taken_at": 1.0}'])
def test_a_line_that_is_no_savepoint_is_reported_with_the_file_that_holds_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "savepoints.jsonl").write_text(line + "\n")
    with pytest.raises(OperationError, match=r"savepoints.jsonl holds a line that is no savepoint"):
        savepoints.latest(settings(tmp_path))


SHIPPED = InForce("model-1", "block 0.9", "version 2 (aa)", "version 1 (bb)")


def test_a_savepoint_keeps_what_its_job_ran_under_and_where_it_read(tmp_path: Path) -> None:
    submissions.record(settings(tmp_path), "job-1", SHIPPED, {"transactions": 3})
    savepoints.record(settings(tmp_path), taken(tmp_path, "first"), "job-1")
    found = savepoints.latest(settings(tmp_path))
    assert (found.in_force, found.offsets) == (SHIPPED, COMMITTED)


def test_a_savepoint_is_on_record_even_when_no_broker_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> None:
        raise OperationError("no Kafka answers")

    monkeypatch.setattr(consumer_lag, "committed_offsets", refuse)
    savepoints.record(settings(tmp_path), taken(tmp_path, "first"))
    assert savepoints.latest(settings(tmp_path)).offsets == {}


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = taken(tmp_path, "first")
    (tmp_path / "savepoints.jsonl").write_text(
        f'{{"path": "{path}", "job": "fraud", "taken_at": 1.0, "shards": [64, 64, 64]}}\n'
    )
    assert savepoints.latest(settings(tmp_path)).in_force is None


@pytest.mark.parametrize("changed", ["model", "thresholds"])
def test_another_model_or_other_thresholds_are_refused_unless_accepted(changed: str) -> None:
    other = msgspec.structs.replace(SHIPPED, **{changed: "other"})
    with pytest.raises(OperationError, match=rf"{changed}: other instead of .*--accept-changes"):
        in_force.require_same(other, SHIPPED, "s-1", accepted=False)
    (warning,) = in_force.require_same(other, SHIPPED, "s-1", accepted=True)
    assert f"{changed}: other instead of" in warning


def test_shipped_rules_of_another_version_of_the_code_are_a_warning() -> None:
    newer = msgspec.structs.replace(SHIPPED, rules="version 3 (cc)")
    (warning,) = in_force.require_same(newer, SHIPPED, "s-1", accepted=False)
    assert "rules: version 3 (cc) instead of version 2 (aa)" in warning


def test_a_savepoint_of_which_nothing_is_known_is_restored_with_a_warning() -> None:
    (warning,) = in_force.require_same(SHIPPED, None, "s-1", accepted=False)
    assert "s-1 are not on record, so they are not compared" in warning


def test_what_will_be_in_force_is_said() -> None:
    said = in_force.describe(in_force.read(Settings()), {"rules": "of control record 7"})
    assert "(shipped, " in said
    assert "thresholds block 0.9, challenge 0.7, monitor 0.5, alert 0.7" in said
    assert "rules of control record 7" in said
    assert "patterns shipped, version 1 (" in said


def test_a_model_folder_without_a_model_is_refused_before_the_submission(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match=r"there is no model in .*: correct model\.folder"):
        in_force.read(Settings.model_validate({"model": {"folder": tmp_path}}))


def test_old_savepoints_in_the_folder_of_the_stack_are_deleted_and_no_others(tmp_path: Path) -> None:
    of_job = tmp_path / "flink" / "savepoints"
    of_job.mkdir(parents=True)
    few = Settings.model_validate({"stack": {"folder": tmp_path, "kept_savepoints": 2}, "job": {"name": "fraud"}})
    elsewhere = taken(tmp_path, "elsewhere")
    others = taken(of_job, "of-another-job")
    savepoints.record(settings(tmp_path, "nightly"), others)
    for path in (elsewhere, *(taken(of_job, f"s-{number}") for number in range(4))):
        savepoints.record(few, path)
    assert {each.name for each in of_job.iterdir()} == {"of-another-job", "s-2", "s-3"}
    assert (tmp_path / "elsewhere").exists()
    assert savepoints.latest(few).path.endswith("s-3")
