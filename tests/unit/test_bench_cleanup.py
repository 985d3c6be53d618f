"""Benchmarks wait for decisions, and clean up, also when Flink is slow or gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deploy.clients.decisions import DecisionsMissingError, await_count
from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkUnreachableError
from deploy.errors import OperationError
from deploy.job import cleanup
from flink_jobs.settings import JobSettings, Settings

SETTINGS = Settings.model_construct(job=JobSettings(name="bench-1"))


class FakeFlink:
    """Answers with its jobs after a number of failures, and remembers cancelled jobs."""

    def __init__(self, jobs: list[Job], failures: int = 0) -> None:
        self._jobs, self._failures = jobs, failures
        self.cancelled: list[str] = []

    def __call__(self, _: str) -> FakeFlink:
        return self

    def jobs(self) -> list[Job]:
        if self._failures:
            self._failures -= 1
            raise FlinkUnreachableError("no Flink answers")
        return self._jobs

    def cancel(self, job_id: str, timeout_s: float) -> None:
        self.cancelled.append(job_id)


def job(job_id: str, name: str, state: str = "RUNNING") -> Job:
    return Job(job_id, name, state, started_at=0, duration=0)


def counts(*values: int) -> Callable[[], int]:
    found: Iterator[int] = iter(values)
    return lambda: next(found)


def test_only_running_jobs_of_the_name_are_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    flink = FakeFlink([job("a", "bench-1"), job("b", "bench-1", "CANCELED"), job("c", "production")])
    monkeypatch.setattr(cleanup, "FlinkRest", flink)
    cleanup.cancel_job(SETTINGS)
    assert flink.cancelled == ["a"]


def test_a_job_is_cancelled_when_the_job_manager_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    flink = FakeFlink([job("a", "bench-1")], failures=2)
    monkeypatch.setattr(cleanup, "FlinkRest", flink)
    monkeypatch.setattr(cleanup, "POLL_S", 0)
    cleanup.cancel_job(SETTINGS)
    assert flink.cancelled == ["a"]


def test_topics_are_deleted_even_if_the_job_cannot_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[Settings] = []
    monkeypatch.setattr(cleanup, "FlinkRest", FakeFlink([], failures=10**9))
    monkeypatch.setattr("deploy.job.cleanup.topics.delete", deleted.append)
    with pytest.raises(FlinkUnreachableError):
        cleanup.cancel_job_and_delete_topics(SETTINGS, within_s=0)
    assert deleted == [SETTINGS]


def test_waiting_ends_with_the_expected_number_of_decisions() -> None:
    polls: list[None] = []
    await_count(counts(0, 3, 5), 5, within_s=60, on_poll=lambda: polls.append(None), poll_s=0)
    assert len(polls) == 2


def test_waiting_for_decisions_that_do_not_come_fails_with_their_number() -> None:
    with pytest.raises(DecisionsMissingError, match="3 of 5 decisions"):
        await_count(lambda: 3, 5, within_s=0)


def test_waiting_ends_when_the_system_under_test_has_ended() -> None:
    def check() -> None:
        raise OperationError("the job failed")

    with pytest.raises(OperationError, match="the job failed"):
        await_count(lambda: 0, 1, within_s=60, on_poll=check)
