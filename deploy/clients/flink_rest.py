"""Flink's REST API, as much of it as is needed, with types.

PyFlink's own JobClient cannot stop a job with a savepoint; REST can, and it is the same on every cluster.
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
Answer = dict[str, Any]  # decoded JSON; each method picks from it and returns types
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})


class FlinkUnreachableError(OperationError):
    """Nothing that speaks Flink's REST answers at the address."""


class JobNotFoundError(OperationError):
    """The cluster runs no such job."""


@dataclass(frozen=True)
class Vertex:
    """One box of the job's picture."""

    id: str
    name: str
    status: str
    parallelism: int
    tasks: dict[str, int]


@dataclass(frozen=True)
class Job:
    """A job as the cluster tells it; times in epoch milliseconds, durations in milliseconds."""

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
        """Whether every task of every operator runs (the job says RUNNING long before)."""
        return bool(self.vertices) and all(
            vertex.tasks.get("RUNNING", 0) + vertex.tasks.get("FINISHED", 0) == vertex.parallelism
            for vertex in self.vertices
        )


@dataclass(frozen=True)
class Checkpoints:
    """How checkpointing goes: counts, and the last that was completed.

    Its size is what it had to write, incrementally; the state's is all that it refers to.
    """

    completed: int
    failed: int
    restored: int
    last_duration_ms: int | None
    last_size_bytes: int | None
    last_state_bytes: int | None
    last_path: str | None


class FlinkRest:
    """One cluster's REST API.

    Every method raises ``FlinkUnreachableError`` when nothing answers, and ``OperationError`` with Flink's own words
    when it refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def task_managers(self) -> list[str]:
        """Resource ids of the TaskManagers that have registered."""
        return [each["id"] for each in self._call("GET", "/taskmanagers")["taskmanagers"]]

    def busy_task_managers(self) -> list[str]:
        """Resource ids of those without a free slot."""
        return [each["id"] for each in self._call("GET", "/taskmanagers")["taskmanagers"] if not each["freeSlots"]]

    def free_slots(self) -> int:
        """Slots that no job has taken."""
        return int(self._call("GET", "/overview")["slots-available"])

    def await_free_slots(self, count: int, within_s: float) -> int:
        """Wait for so many slots that no job has taken; how many there are then, fewer if they do not come in time."""
        deadline = time.monotonic() + within_s
        while (free := self.free_slots()) < count and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return free

    def jobs(self) -> list[Job]:
        """Every job the cluster remembers, the latest start first; without vertices."""
        found = [_job(each) for each in self._call("GET", "/jobs/overview")["jobs"]]
        return sorted(found, key=lambda job: job.started_at, reverse=True)

    def running(self, name: str) -> Job:
        """The job of this name that has not ended.

        Raises:
            JobNotFoundError: when there is none.
        """
        for job in self.jobs():
            if job.name == name and not job.ended:
                return self.job(job.id)
        raise JobNotFoundError(
            f"no job called {name!r} runs on {self.url}: go on from its last savepoint with `sentinel restore`, "
            "or start with empty state with `sentinel submit`"
        )

    def job(self, job_id: str) -> Job:
        """One job with its vertices."""
        return _job(self._call("GET", f"/jobs/{job_id}"))

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Checkpoint counts and the last completed one."""
        found = self._call("GET", f"/jobs/{job_id}/checkpoints")
        last = found["latest"]["completed"] or {}
        counts = found["counts"]
        return Checkpoints(
            completed=counts["completed"],
            failed=counts["failed"],
            restored=counts["restored"],
            last_duration_ms=last.get("end_to_end_duration"),
            last_size_bytes=last.get("checkpointed_size"),
            last_state_bytes=last.get("state_size"),
            last_path=last.get("external_path"),
        )

    def metrics(self, job_id: str, vertex_id: str, names: Collection[str]) -> dict[str, float]:
        """Metrics of a vertex, each summed over its subtasks; those that there are.

        The JobManager asks the TaskManagers every ten seconds: a figure may be as old as that.
        """
        path = f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics"
        found = self._request("GET", f"{path}?agg=sum&get={','.join(map(quote, names))}")
        return {each["id"]: float(each["sum"]) for each in found}

    def failures(self, job_id: str) -> list[str]:
        """What made the job fail so far, the last failure first: for each the cause at the root, one line."""
        entries = self._call("GET", f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        return [_root_cause(each["stacktrace"]) for each in entries]

    def savepoint(self, job_id: str, target: str | None, timeout_s: float) -> str:
        """Take a savepoint and let the job run on; returns its path."""
        body = {"target-directory": target, "cancel-job": False}
        return self._await_savepoint(job_id, self._call("POST", f"/jobs/{job_id}/savepoints", body), timeout_s)

    def stop_with_savepoint(self, job_id: str, target: str | None, timeout_s: float) -> str:
        """Stop the sources, take a savepoint, end the job; returns the savepoint's path.

        Without drain: windows that are open stay open in the savepoint, as a restart wants it.
        """
        body = {"targetDirectory": target, "drain": False}
        return self._await_savepoint(job_id, self._call("POST", f"/jobs/{job_id}/stop", body), timeout_s)

    def cancel(self, job_id: str, timeout_s: float) -> None:
        """End the job now, without a savepoint, and wait until it has ended."""
        self._call("PATCH", f"/jobs/{job_id}?mode=cancel")
        self.await_ended(job_id, timeout_s)

    def await_all_running(self, job_id: str, timeout_s: float) -> Job:
        """Wait until every task of the job runs: while it recovers from a failure, it takes no savepoint.

        Raises:
            OperationError: it has ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not (job := self.job(job_id)).all_running:
            if job.ended or time.monotonic() > deadline:
                raise OperationError(f"job {job_id} is {job.state}, and not all of its tasks run")
            time.sleep(POLL_S)
        return job

    def await_ended(self, job_id: str, timeout_s: float) -> Job:
        """Wait until the job has ended, in whatever way."""
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
    """The line of a Java stack trace that says most: the last cause, else the first line."""
    lines = [line.strip() for line in stack_trace.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return causes[-1] if causes else next(iter(lines), "it gives no reason")
