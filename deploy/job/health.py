"""The health of the system in one word, with the reasons: what ``sentinel status`` prints and its exit code says."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlparse

import msgspec

from deploy.clients.consumer_lag import TopicLag
from deploy.clients.flink_answers import Checkpoints, Failure, Job
from deploy.console import duration, size

RECENT_S = 300.0
"""A failure counts for this long: a job that fails again and again is not well between two failures."""
MISSED_INTERVALS = 10
LEAST_FREE_BYTES = 200 * 1024 * 1024
LEAST_FREE_SHARE = 0.01


class State(IntEnum):
    """What a monitor does about it; the value is the exit code, as monitoring plugins have it."""

    HEALTHY = 0
    DEGRADED = 1
    DOWN = 2
    UNKNOWN = 3


class Finding(msgspec.Struct, frozen=True):
    """One reason for a state.

    Attributes:
        state: that it means for the whole.
        text: what it is, and what to do.
    """

    state: State
    text: str


def overall(findings: Iterable[Finding]) -> State:
    """The state of the whole: down before unknown before degraded before healthy."""
    order = (State.HEALTHY, State.DEGRADED, State.UNKNOWN, State.DOWN)
    return max((each.state for each in findings), key=order.index, default=State.HEALTHY)


def of_job(job: Job, failures: Sequence[Failure], now_s: float) -> list[Finding]:
    """Judge the state of a job, of its tasks, and its last failure."""
    found = []
    if job.state != "RUNNING":
        found.append(Finding(State.DOWN, f"the job is {job.state}: nothing is decided"))
    elif not job.all_running:
        found.append(Finding(State.DOWN, "not all tasks of the job run: payments wait"))
    if failures and now_s - failures[0].at_ms / 1000 < RECENT_S:
        ago = duration(max(0.0, now_s - failures[0].at_ms / 1000))
        found.append(Finding(State.DEGRADED, f"the job failed {ago} ago and was restarted: {failures[0].cause}"))
    return found


def of_checkpoints(checkpoints: Checkpoints, job: Job, interval_ms: int, now_s: float) -> list[Finding]:
    """Judge checkpoints: whether they fail now, and whether they still come."""
    if checkpoints.failing is not None:
        return [
            Finding(State.DEGRADED, f"checkpoints fail, so alerts wait: {checkpoints.failing.cause}"),
        ]
    since_ms = max(checkpoints.last_completed_at or 0, job.started_at)
    waited_s = now_s - since_ms / 1000
    if job.all_running and waited_s * 1000 > MISSED_INTERVALS * interval_ms:
        return [Finding(State.DEGRADED, f"no checkpoint was completed for {duration(waited_s)}, so alerts wait")]
    return []


def of_lag(lags: Sequence[TopicLag], max_behind: int) -> list[Finding]:
    """Judge how far the job is behind, what it does not read, and what it has lost."""
    found = []
    for each in lags:
        if each.behind > max_behind:
            found.append(Finding(State.DEGRADED, f"{each.behind:,} records of {each.topic} are not read yet"))
        if each.unread_partitions and each.committed:
            found.append(
                Finding(
                    State.DEGRADED,
                    f"{each.unread_partitions} partitions of {each.topic} hold records and are not read yet, "
                    "as after partitions were added",
                )
            )
        if each.lost:
            found.append(
                Finding(
                    State.DEGRADED,
                    f"{each.lost:,} records of {each.topic} were deleted (retention) before they were read; "
                    "they are never decided",
                )
            )
    return found


def of_disks(folders: Iterable[Path]) -> list[Finding]:
    """Judge the disks of folders on this machine: full, or not writable."""
    found, seen = [], set()
    for folder in folders:
        if not folder.is_dir() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(folder)
        if usage.free < min(LEAST_FREE_BYTES, LEAST_FREE_SHARE * usage.total):
            text = f"the disk of {folder} is full ({size(usage.free)} of {size(usage.total)} free): free space"
            found.append(Finding(State.DEGRADED, f"{text}, or checkpoints fail and alerts wait"))
        elif not os.access(folder, os.W_OK):
            found.append(Finding(State.DEGRADED, f"{folder} cannot be written to"))
    return found


def local_folder(path: str | None) -> list[Path]:
    """The folder above a checkpoint on this machine; empty for a path on another file system."""
    url = urlparse(path or "")
    return [Path(url.path).parent] if url.path and url.scheme in ("", "file") else []


def now_s() -> float:
    """The wall clock, seconds since the epoch."""
    return time.time()
