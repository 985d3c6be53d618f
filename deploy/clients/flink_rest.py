"""A typed client of Flink's REST API, for the requests that the command line needs.

PyFlink's JobClient cannot stop a job with a savepoint; REST can, on every cluster.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from deploy.errors import OperationError

TIMEOUT_S = 10.0
POLL_S = 0.25
HISTORY = 10
"""Checkpoints that Flink lists (its option ``web.checkpoints.history``)."""
NO_SPACE = "No space left on device"
Answer = dict[str, Any]  # decoded JSON; each method picks from it and returns types
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})


class FlinkUnreachableError(OperationError):
    """No Flink answers at the address."""


class JobNotFoundError(OperationError):
    """The cluster runs no such job."""


@dataclass(frozen=True)
class Vertex:
    """One vertex of the job graph: a chain of operators.

    Attributes:
        id: of the vertex.
        name: of its operators, joined by arrows.
        status: of all its tasks together.
        parallelism: number of its tasks.
        tasks: number of tasks by their state.
    """

    id: str
    name: str
    status: str
    parallelism: int
    tasks: dict[str, int]


@dataclass(frozen=True)
class Job:
    """A job as the cluster reports it.

    Attributes:
        id: of the job.
        name: of the job.
        state: e.g. ``RUNNING``.
        started_at: epoch milliseconds.
        duration: since the start, milliseconds.
        vertices: of the job graph; empty in a list of jobs.
    """

    id: str
    name: str
    state: str
    started_at: int
    duration: int
    vertices: tuple[Vertex, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def all_running(self) -> bool:
        """Whether every task runs or has finished; the job itself is RUNNING long before."""
        return bool(self.vertices) and all(
            vertex.tasks.get("RUNNING", 0) + vertex.tasks.get("FINISHED", 0) == vertex.parallelism
            for vertex in self.vertices
        )


@dataclass(frozen=True)
class Failure:
    """One failure of a job or of a checkpoint.

    Attributes:
        at_ms: when, epoch milliseconds.
        cause: the root cause, in one line.
    """

    at_ms: int
    cause: str


@dataclass(frozen=True)
class Checkpoints:
    """Statistics of checkpoints; the values of the last one are None before the first is completed.

    Attributes:
        completed: number of completed checkpoints.
        failed: number of failed checkpoints.
        restored: number of restores.
        last_duration_ms: of the last completed one.
        last_size_bytes: bytes that it wrote, incrementally.
        last_state_bytes: size of the whole state that it refers to.
        last_path: that can be restored.
        last_completed_at: epoch milliseconds.
        failures: those that Flink still tells about, the last first: failed after they began.
        not_begun: failed ones that never began, since not all tasks ran yet, as at the start of a job.
        untold: failed ones of which Flink no longer tells the cause.
    """

    completed: int
    failed: int
    restored: int
    last_duration_ms: int | None
    last_size_bytes: int | None
    last_state_bytes: int | None
    last_path: str | None
    last_completed_at: int | None = None
    failures: tuple[Failure, ...] = ()
    not_begun: int = 0
    untold: int = 0

    @property
    def failing(self) -> Failure | None:
        """The last failure, if no checkpoint was completed since."""
        last = self.failures[0] if self.failures else None
        return last if last is not None and last.at_ms > (self.last_completed_at or 0) else None


class FlinkRest:
    """The REST API of one cluster.

    Every method raises ``FlinkUnreachableError`` when nothing answers, and ``OperationError`` with Flink's message when
    it refuses.

    Args:
        url: of the JobManager.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def task_managers(self) -> list[str]:
        """List the resource ids of the registered TaskManagers."""
        return [each["id"] for each in self._call("GET", "/taskmanagers")["taskmanagers"]]

    def busy_task_managers(self) -> list[str]:
        """List the resource ids of the TaskManagers without a free slot."""
        return [each["id"] for each in self._call("GET", "/taskmanagers")["taskmanagers"] if not each["freeSlots"]]

    def free_slots(self) -> int:
        """Count the free slots."""
        return int(self._call("GET", "/overview")["slots-available"])

    def await_free_slots(self, count: int, within_s: float) -> int:
        """Wait for a number of free slots; returns how many are free then, which are fewer if the time is over."""
        deadline = time.monotonic() + within_s
        while (free := self.free_slots()) < count and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return free

    def jobs(self) -> list[Job]:
        """List every job that the cluster remembers, the latest start first, without vertices."""
        found = [_job(each) for each in self._call("GET", "/jobs/overview")["jobs"]]
        return sorted(found, key=lambda job: job.started_at, reverse=True)

    def running(self, name: str) -> Job:
        """Find the job of this name that has not ended.

        Raises:
            JobNotFoundError: there is none.
        """
        for job in self.jobs():
            if job.name == name and not job.ended:
                return self.job(job.id)
        raise JobNotFoundError(
            f"no job called {name!r} runs on {self.url}: go on from its last savepoint with `sentinel restore`, "
            "or start with empty state with `sentinel submit`"
        )

    def job(self, job_id: str) -> Job:
        """Read one job with its vertices."""
        return _job(self._call("GET", f"/jobs/{job_id}"))

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Read the statistics of checkpoints."""
        return _checkpoints(self._call("GET", f"/jobs/{job_id}/checkpoints"))

    def metrics(self, job_id: str, vertex_id: str, names: Collection[str]) -> dict[str, float]:
        """Read metrics of a vertex, each summed over its subtasks; a metric that does not exist yet is left out.

        The JobManager refreshes them every ten seconds.
        """
        path = f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics"
        found = self._request("GET", f"{path}?agg=sum&get={','.join(map(quote, names))}")
        return {each["id"]: float(each["sum"]) for each in found}

    def failures(self, job_id: str) -> list[str]:
        """List the failures of the job, the last first: of each the root cause, in one line."""
        return [each.cause for each in self.timed_failures(job_id)]

    def timed_failures(self, job_id: str) -> list[Failure]:
        """List the failures of the job with their times, the last first."""
        entries = self._call("GET", f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        return [Failure(int(each.get("timestamp", 0)), _root_cause(each["stacktrace"])) for each in entries]

    def savepoint(self, job_id: str, target: str | None, timeout_s: float) -> str:
        """Take a savepoint while the job runs on; returns its path."""
        body = {"target-directory": target, "cancel-job": False}
        return self._await_savepoint(job_id, self._call("POST", f"/jobs/{job_id}/savepoints", body), timeout_s)

    def stop_with_savepoint(self, job_id: str, target: str | None, timeout_s: float) -> str:
        """Stop the sources, take a savepoint, and end the job; returns the savepoint's path.

        Without drain: open windows stay open in the savepoint, so that a restored job continues them.
        """
        body = {"targetDirectory": target, "drain": False}
        return self._await_savepoint(job_id, self._call("POST", f"/jobs/{job_id}/stop", body), timeout_s)

    def cancel(self, job_id: str, timeout_s: float) -> None:
        """Cancel the job, without a savepoint, and wait until it has ended."""
        self._call("PATCH", f"/jobs/{job_id}?mode=cancel")
        self.await_ended(job_id, timeout_s)

    def await_all_running(self, job_id: str, timeout_s: float) -> Job:
        """Wait until every task of the job runs: a job that recovers from a failure takes no savepoint.

        Raises:
            OperationError: the job has ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not (job := self.job(job_id)).all_running:
            if job.ended or time.monotonic() > deadline:
                raise OperationError(f"job {job_id} is {job.state}, and not all of its tasks run")
            time.sleep(POLL_S)
        return job

    def await_ended(self, job_id: str, timeout_s: float) -> Job:
        """Wait until the job has finished, failed or been cancelled.

        Raises:
            OperationError: it has not in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            job = self.job(job_id)
            if job.ended:
                return job
            if time.monotonic() > deadline:
                raise OperationError(f"job {job_id} is still {job.state} after {timeout_s:.0f} s")
            time.sleep(POLL_S)

    def _await_savepoint(self, job_id: str, trigger: Answer, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = self._call("GET", f"/jobs/{job_id}/savepoints/{trigger['request-id']}")
            if answer["status"]["id"] == "COMPLETED":
                operation = answer["operation"]
                if "failure-cause" in operation:
                    raise OperationError(
                        f"the savepoint failed: {_root_cause(operation['failure-cause']['stack-trace'])}"
                    )
                return str(operation["location"])
            time.sleep(POLL_S)
        raise OperationError(f"the savepoint of job {job_id} was not finished after {timeout_s:.0f} s")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        answer: Answer = self._request(method, path, body)
        return answer

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        try:
            response = requests.request(method, self.url + path, json=body, timeout=TIMEOUT_S)
        except requests.RequestException:
            raise FlinkUnreachableError(
                f"no Flink answers at {self.url}: start the local stack with `sentinel up`, or correct flink.rest_url"
            ) from None
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise FlinkUnreachableError(f"Flink at {self.url} is still starting ({_refusal(response)}): try again")
        if response.status_code == HTTPStatus.NOT_FOUND and path.startswith("/jobs/"):
            raise JobNotFoundError(f"the cluster at {self.url} knows no job {path.split('/')[2]}")
        if not response.ok:
            raise OperationError(f"Flink refused {method} {path}: {_refusal(response)}")
        return response.json() if response.content else {}


def _checkpoints(found: Answer) -> Checkpoints:
    last = found["latest"]["completed"] or {}
    counts, history = found["counts"], found.get("history", ())
    failed = sorted(
        (each for each in history if each["status"] == "FAILED"), key=lambda each: int(each["id"]), reverse=True
    )
    # A checkpoint that could not begin is counted and not listed. The list holds the last ten.
    unlisted = max(0, int(counts["failed"]) - len(failed))
    complete = len(history) < HISTORY
    return Checkpoints(
        completed=counts["completed"],
        failed=counts["failed"],
        restored=counts["restored"],
        last_duration_ms=last.get("end_to_end_duration"),
        last_size_bytes=last.get("checkpointed_size"),
        last_state_bytes=last.get("state_size"),
        last_path=last.get("external_path"),
        last_completed_at=last.get("latest_ack_timestamp"),
        failures=tuple(
            Failure(int(each.get("failure_timestamp") or 0), each.get("failure_message") or "it gives no reason")
            for each in failed
        ),
        not_begun=unlisted if complete else 0,
        untold=0 if complete else unlisted,
    )


def _job(found: Answer) -> Job:
    vertices = tuple(
        Vertex(each["id"], each["name"], each["status"], each["parallelism"], each["tasks"])
        for each in found.get("vertices", ())
    )
    return Job(
        id=found["jid"],
        name=found["name"],
        state=found["state"],
        started_at=found["start-time"],
        duration=found["duration"],
        vertices=vertices,
    )


def _refusal(response: requests.Response) -> str:
    try:
        return _root_cause("\n".join(response.json()["errors"]))
    except (ValueError, KeyError):
        return f"HTTP {response.status_code}"


def _root_cause(stack_trace: str) -> str:
    """Pick the most specific line of a Java stack trace: the last cause, else the first line."""
    if NO_SPACE in stack_trace:
        return f"a disk is full ({NO_SPACE}): free space where checkpoints and savepoints go"
    lines = [line.strip() for line in stack_trace.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return causes[-1] if causes else next(iter(lines), "it gives no reason")
