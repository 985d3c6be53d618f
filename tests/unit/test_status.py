"""What ``sentinel status`` says and its exit code: nothing is left out of it, and what is not known is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.cli import status as command
from deploy.clients import flink_answers
from deploy.clients.consumer_lag import PartitionLag, TopicLag, partition_lag, topic_lag
from deploy.clients.flink_answers import Checkpoints, Failure, Job, Vertex
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.job import health, preflight
from deploy.job.health import Finding, State
from deploy.stack import disk

NOW_S = 1_000_000.0
NOW_MS = round(NOW_S * 1000)

TIMES = {"trigger_timestamp": 1_764_000_000_000, "latest_ack_timestamp": 1_764_000_000_080}


def test_a_partition_that_was_added_counts_as_behind_until_it_is_read() -> None:
    partitions = {0: partition_lag(0, 20, 20), 1: partition_lag(0, 18, None)}
    found = topic_lag("transactions", partitions, {})
    assert (found.behind, found.unread_partitions, found.committed) == (18, 1, True)
    (finding,) = health.of_lag([found], 10_000)
    assert (finding.state, "1 partitions of transactions" in finding.text) == (State.DEGRADED, True)


def test_markers_of_transactions_are_not_behind() -> None:
    partitions = {0: partition_lag(0, 4, 3), 1: partition_lag(0, 5, 4)}
    found = topic_lag("transactions", partitions, {("transactions", 0): 0, ("transactions", 1): 0})
    assert (found.behind, found.exact) == (0, True)
    assert health.of_lag([found], 0) == []


def test_an_added_partition_that_holds_markers_alone_is_not_unread() -> None:
    assert topic_lag("labels", {0: partition_lag(0, 1, None)}, {("labels", 0): 0}).unread_partitions == 0


def test_a_large_backlog_is_counted_with_its_markers_and_that_is_said() -> None:
    found = topic_lag("transactions", {0: partition_lag(0, 90_000, 0)}, {})
    assert (found.behind, found.exact) == (90_000, False)
    (finding,) = health.of_lag([found], 10_000)
    assert "90,000 records" in finding.text


@pytest.mark.parametrize(
    ("begin", "end", "committed", "expected"),
    [
        (16, 20, 0, PartitionLag(16, 4, committed=True, lost=16)),
        (0, 20, 4, PartitionLag(4, 16, committed=True, lost=0)),
        (0, 3, 20, PartitionLag(0, 3, committed=True, lost=0)),  # the topic was made anew
        (5, 9, None, PartitionLag(5, 4, committed=False, lost=0)),
    ],
)
def test_offsets_that_are_gone_are_counted(begin: int, end: int, committed: int | None, expected: PartitionLag) -> None:
    assert partition_lag(begin, end, committed) == expected


def test_what_was_deleted_before_it_was_read_is_said_with_its_number() -> None:
    found = topic_lag("transactions", {0: partition_lag(16, 20, 0)}, {})
    (finding,) = health.of_lag([found], 10_000)
    assert finding.text.startswith("16 records of transactions were deleted (retention) before they were read")
    assert preflight.describe_loss({"transactions": 16}).startswith("lost: 16 of transactions")
    assert preflight.describe_loss({}) == ""


def test_one_offset_that_is_gone_may_be_a_marker_and_alarms_nobody() -> None:
    found = topic_lag("labels", {0: partition_lag(4, 4, 3), 1: partition_lag(9, 9, 9)}, {})
    assert (found.lost, found.uncertain) == (0, 1)
    assert health.of_lag([found], 0) == []


def answer(failed: int, history: list[dict[str, Any]], completed_at: int | None = None) -> dict[str, Any]:
    """Flink's answer about checkpoints."""
    last = None if completed_at is None else {"latest_ack_timestamp": completed_at, "external_path": "file:/c/chk-1"}
    counts = {"completed": int(last is not None), "failed": failed, "restored": 0}
    return {"counts": counts, "latest": {"completed": last}, "history": history}


def failed(number: int, at_ms: int, message: str) -> dict[str, Any]:
    return {"id": number, "status": "FAILED", "failure_timestamp": at_ms, "failure_message": message}


def test_checkpoints_that_could_not_begin_are_counted_apart_from_those_that_failed() -> None:
    found = flink_answers.read_checkpoints(answer(3, [failed(2, NOW_MS, "Checkpoint expired")], NOW_MS - 1))
    assert (found.never_began, found.cause_unknown) == (2, 0)
    assert found.failing == Failure(NOW_MS, "Checkpoint expired")


def test_of_more_failures_than_flink_lists_the_cause_is_said_to_be_unknown() -> None:
    history = [failed(15 + number, NOW_MS, "disk") for number in range(1, 11)]
    found = flink_answers.read_checkpoints(answer(27, history))
    assert (found.never_began, found.cause_unknown, len(found.failures)) == (2, 15, 10)


def test_failures_of_the_start_are_known_as_such_however_long_the_job_runs() -> None:
    history = [{"id": 990 + number, "status": "COMPLETED", **TIMES} for number in range(1, 11)]
    shown = answer(3, history, NOW_MS)
    shown["counts"] |= {"completed": 800, "restored": 1}
    shown["latest"]["restored"] = {"id": 200}
    found = flink_answers.read_checkpoints(shown)
    assert (found.never_began, found.cause_unknown) == (3, 0)


def test_after_a_recovery_it_is_not_known_which_checkpoints_began() -> None:
    history = [{"id": 990 + number, "status": "COMPLETED", **TIMES} for number in range(1, 11)]
    shown = answer(3, history, NOW_MS)
    shown["counts"] |= {"completed": 800, "restored": 1}
    shown["latest"]["restored"] = {"id": 900}
    found = flink_answers.read_checkpoints(shown)
    assert (found.never_began, found.cause_unknown) == (0, 3)


def test_a_failure_before_the_last_completed_checkpoint_is_over() -> None:
    assert flink_answers.read_checkpoints(answer(1, [failed(1, NOW_MS, "x")], NOW_MS + 1)).failing is None


def test_a_full_disk_is_named_as_such_in_a_stack_trace() -> None:
    trace = "java.io.IOException: Could not flush\nCaused by: java.io.IOException: No space left on device\n at x"
    assert flink_answers.root_cause(trace).startswith("a disk is full (No space left on device): free space")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_the_disk_of_a_folder_that_is_full_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    assert disk.mount(folder, 2)
    try:
        assert health.of_disks([folder]) == []
        disk.fill(folder)
        (finding,) = health.of_disks([folder, folder, tmp_path / "nowhere"])
    finally:
        disk.unmount(folder)
    assert finding.text.startswith(f"the disk of {folder} is full (0 bytes of ")
    assert finding.state == State.DEGRADED


def job(state: str = "RUNNING", running: int = 2) -> Job:
    return Job(
        "j-1", "fraud", state, NOW_MS - 3_600_000, 3_600_000, (Vertex("v", "v", state, 2, {"RUNNING": running}),)
    )


COMPLETED = Checkpoints(5, 0, 0, 100, 10, 10, None, NOW_MS - 1000)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (health.of_job(job(), [], NOW_S), State.HEALTHY),
        (health.of_job(job("RESTARTING", 0), [], NOW_S), State.DOWN),
        (health.of_job(job(running=1), [], NOW_S), State.DOWN),
        (health.of_job(job(), [Failure(NOW_MS - 10_000, "lost a TaskManager")], NOW_S), State.DEGRADED),
        (health.of_job(job(), [Failure(NOW_MS - 9_000_000, "long ago")], NOW_S), State.HEALTHY),
        (health.of_checkpoints(COMPLETED, job(), 5_000, NOW_S), State.HEALTHY),
        (health.of_checkpoints(COMPLETED, job(), 5_000, NOW_S + 60), State.DEGRADED),
        ([Finding(State.UNKNOWN, ""), Finding(State.DEGRADED, "")], State.UNKNOWN),
        ([Finding(State.UNKNOWN, ""), Finding(State.DOWN, "")], State.DOWN),
    ],
)
def test_the_state_of_the_whole_is_that_of_its_worst_part(found: list[Finding], state: State) -> None:
    assert health.overall(found) == state


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A job that runs and reads everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTINEL_STACK__FOLDER", str(tmp_path))
    monkeypatch.setattr(health, "now_s", lambda: NOW_S)
    monkeypatch.setattr(FlinkRest, "running", lambda *_: job())
    monkeypatch.setattr(FlinkRest, "timed_failures", lambda *_: [])
    monkeypatch.setattr(FlinkRest, "checkpoints", lambda *_: COMPLETED)
    read = TopicLag("transactions", 0, exact=True, unread_partitions=0, lost=0, committed=True)
    monkeypatch.setattr(command, "lag", lambda _: [read])
    monkeypatch.setattr(health, "of_disks", lambda _: [])


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["status", *arguments])
    return result.exit_code, result.output


@pytest.mark.usefixtures("well")
def test_a_healthy_system_has_exit_code_0_and_says_what_it_does_not_know() -> None:
    code, shown = run()
    assert code == 0
    assert "healthy" in shown
    assert "not known: whether input was lost before the start" in shown


@pytest.mark.usefixtures("well")
def test_the_same_is_reported_as_json() -> None:
    code, shown = run("--json")
    found = json.loads(shown)
    assert (code, found["state"], found["exit_code"], found["job"]["name"]) == (0, "healthy", 0, "fraud")
    assert found["lag"] == [
        {"topic": "transactions", "behind": 0, "exact": True, "unread_partitions": 0, "lost": 0, "committed": True}
        | {"uncertain": 0}
    ]


@pytest.mark.usefixtures("well")
def test_a_broker_that_does_not_answer_is_down_and_not_a_lag_of_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OperationError("no Kafka answers at nowhere")

    monkeypatch.setattr(command, "lag", refuse)
    code, shown = run("--json")
    found = json.loads(shown)
    assert (code, found["state"], found["lag"]) == (2, "down", None)


@pytest.mark.usefixtures("well")
def test_wrong_settings_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINEL_JOB__SHARDS", "many")
    assert run()[0] == 3
