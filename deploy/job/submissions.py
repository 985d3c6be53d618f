"""The record of submissions: one JSON line each, from which savepoints and ``sentinel status`` know how a job began."""

from __future__ import annotations

import time

import msgspec

from deploy.job.in_force import InForce
from deploy.paths import under_root
from flink_jobs.settings import Settings


class Submission(msgspec.Struct, frozen=True):
    """One recorded submission.

    Attributes:
        job_id: of the job.
        job: its name.
        submitted_at: seconds since the epoch.
        in_force: what settings and code put in force.
        lost: records by topic that were gone before the job could read them.
    """

    job_id: str
    job: str
    submitted_at: float
    in_force: InForce
    lost: dict[str, int] = {}


def record(settings: Settings, job_id: str, in_force: InForce, lost: dict[str, int]) -> None:
    """Append a submission to the record."""
    file = under_root(settings.stack.folder) / "submissions.jsonl"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(Submission(job_id, settings.job.name, time.time(), in_force, lost)) + b"\n")


def find(settings: Settings, job_id: str) -> Submission | None:
    """Find the submission of a job; None when it was submitted elsewhere, or its line cannot be read."""
    file = under_root(settings.stack.folder) / "submissions.jsonl"
    for line in reversed(file.read_bytes().splitlines() if file.exists() else []):
        try:
            found = msgspec.json.decode(line, type=Submission)
        except msgspec.DecodeError:
            continue
        if found.job_id == job_id:
            return found
    return None
