"""A typed client of Flink's REST API, for the requests that the command line needs.

PyFlink's JobClient cannot stop a job with a savepoint; REST can, on every cluster.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from deploy.clients.flink_answers import (
    Answer,
    Checkpoints,
    Failure,
    Job,
    read_checkpoints,
    read_job,
    root_cause,
)
from deploy.errors import OperationError

TIMEOUT_S = 10.0
POLL_S = 0.25


class FlinkUnreachableError(OperationError):
    """No Flink answers at the address."""


class JobNotFoundError(OperationError):
    """The cluster runs no such job."""


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
        found = [read_job(each) for each in self._call("GET", "/jobs/overview")["jobs"]]
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
        return read_job(self._call("GET", f"/jobs/{job_id}"))

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Read the statistics of checkpoints."""
        return read_checkpoints(self._call("GET", f"/jobs/{job_id}/checkpoints"))

    def metric_names(self, job_id: str, vertex_id: str) -> list[str]:
        """List the metrics of a vertex's operators."""
        return [each["id"] for each in self._request("GET", f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics")]

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
        return [Failure(int(each.get("timestamp", 0)), root_cause(each["stacktrace"])) for each in entries]

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
                        f"the savepoint failed: {root_cause(operation['failure-cause']['stack-trace'])}"
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


def _refusal(response: requests.Response) -> str:
    try:
        return root_cause("\n".join(response.json()["errors"]))
    except (ValueError, KeyError):
        return f"HTTP {response.status_code}"
