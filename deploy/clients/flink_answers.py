"""What Flink's REST API answers, as types: jobs, checkpoints, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Answer = dict[str, Any]  # decoded JSON; each method picks from it and returns types
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})
HISTORY = 10
"""Checkpoints that Flink lists (its option ``web.checkpoints.history``)."""
NO_SPACE = "No space left on device"


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
        never_began: failed ones that never began, since not all tasks ran yet, as at the start of a job.
        spans: beginning and end of the completed ones that Flink still lists, epoch milliseconds, the last first.
        cause_unknown: failed ones whose cause Flink no longer lists.
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
    never_began: int = 0
    cause_unknown: int = 0
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def failing(self) -> Failure | None:
        """The last failure, if no checkpoint was completed since."""
        last = self.failures[0] if self.failures else None
        return last if last is not None and last.at_ms > (self.last_completed_at or 0) else None


def read_checkpoints(found: Answer) -> Checkpoints:
    """Read the statistics of checkpoints of a job."""
    last = found["latest"]["completed"] or {}
    counts, history = found["counts"], found.get("history", ())
    failed = sorted(
        (each for each in history if each["status"] == "FAILED"), key=lambda each: int(each["id"]), reverse=True
    )
    unlisted = max(0, int(counts["failed"]) - len(failed))
    cause_unknown = _unlisted_failures(found, len(failed))
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
        never_began=0 if cause_unknown is None else max(0, unlisted - cause_unknown),
        spans=tuple(
            (int(each["trigger_timestamp"]), int(each["latest_ack_timestamp"]))
            for each in history
            if each["status"] == "COMPLETED"
        ),
        cause_unknown=unlisted if cause_unknown is None else min(unlisted, cause_unknown),
    )


def _unlisted_failures(found: Answer, listed: int) -> int | None:
    """Count the checkpoints that began, failed, and are no longer listed; None if Flink does not say.

    A checkpoint that cannot begin, since not all tasks run, is counted as failed, and has no number and no entry in the
    list. Numbers rise by one from that of the checkpoint that was restored.
    """
    history, counts = found.get("history", ()), found["counts"]
    if len(history) < HISTORY:
        return 0
    newest = max(int(each["id"]) for each in history)
    first = int(((found["latest"].get("restored") or {}) if counts["restored"] else {}).get("id", 0))
    done = int(counts["completed"]) + int(counts.get("in_progress", 0))
    # After a recovery the checkpoint restored last is not the one that the job began with.
    return newest - first - done - listed if newest - first >= done + listed else None


def read_job(found: Answer) -> Job:
    """Read a job, or an entry of a list of jobs."""
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


def root_cause(stack_trace: str) -> str:
    """Pick the most specific line of a Java stack trace: the last cause, else the first line."""
    if NO_SPACE in stack_trace:
        return f"a disk is full ({NO_SPACE}): free space where checkpoints and savepoints go"
    lines = [line.strip() for line in stack_trace.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return causes[-1] if causes else next(iter(lines), "it gives no reason")
