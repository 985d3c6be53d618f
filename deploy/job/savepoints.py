"""The record of savepoints: one JSON line each, so that ``sentinel restore`` needs no path."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from urllib.parse import urlparse

import msgspec

from deploy.clients import consumer_lag
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.job import submissions
from deploy.job.in_force import InForce
from deploy.paths import under_root
from flink_jobs.settings import Settings

SHARD_SETTINGS = ("job.shards", "job.device_shards", "job.merchant_shards")


class Savepoint(msgspec.Struct, frozen=True):
    """One recorded savepoint.

    Attributes:
        path: where it is, a path or URL.
        job: name of the job.
        taken_at: seconds since the epoch.
        shards: number of user, device and merchant shards; a job with other numbers cannot find its profiles.
        in_force: model, thresholds, rules and patterns of its job; None when they are not known.
        offsets: committed when it was taken, by topic and partition; empty when they are not known.
    """

    path: str
    job: str
    taken_at: float
    shards: tuple[int, int, int]
    in_force: InForce | None = None
    offsets: dict[str, dict[int, int]] = {}


def record(settings: Settings, path: str, job_id: str = "") -> None:
    """Append a savepoint that was just taken to the record, with what its job runs under and where it reads.

    Args:
        settings: of the job.
        path: of the savepoint.
        job_id: of the job that it was taken from.
    """
    submission = submissions.find(settings, job_id)
    try:
        offsets = consumer_lag.committed_offsets(settings)
    except OperationError:
        offsets = {}  # the savepoint itself is good, and must be on record whether a broker answers or not
    savepoint = Savepoint(
        path,
        settings.job.name,
        time.time(),
        _shards(settings),
        submission.in_force if submission is not None else None,
        offsets,
    )
    file = _file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(savepoint) + b"\n")
    _prune(settings)


def _prune(settings: Settings) -> None:
    """Delete all but the last savepoints of this job in the stack's own folder; those elsewhere are not touched."""
    of_job = (under_root(settings.stack.folder) / "flink" / "savepoints").resolve()
    folders = [Path(urlparse(each.path).path) for each in _existing(settings)]
    inside = [each for each in dict.fromkeys(folders) if each.resolve().parent == of_job]
    for old in inside[: -settings.stack.kept_savepoints]:
        shutil.rmtree(old, ignore_errors=True)


def stop(settings: Settings, rest: FlinkRest, job_id: str, timeout_s: float) -> str:
    """Stop a job with a savepoint, record it, and wait until the job has ended.

    Args:
        settings: of the job.
        rest: of its cluster.
        job_id: of the job.
        timeout_s: for the savepoint, and again for the end of the job, seconds.

    Returns:
        The savepoint's path.

    Raises:
        OperationError: Flink refuses, or does not finish in time.
    """
    path = rest.stop_with_savepoint(job_id, settings.flink.savepoint_dir or None, timeout_s)
    try:
        rest.await_ended(job_id, timeout_s)
    finally:
        # Once the job has ended, the offsets of the savepoint are committed.
        record(settings, path, job_id)
    return path


def latest(settings: Settings) -> Savepoint:
    """Find the last recorded savepoint of this job that still exists.

    Raises:
        OperationError: there is none.
    """
    found = _existing(settings)
    if found:
        return found[-1]
    raise OperationError(f"no savepoint of {settings.job.name} is on record: give its path, or start with `submit`")


def any_on_record(settings: Settings) -> bool:
    """Whether a savepoint of this job is on record and still exists."""
    return bool(_existing(settings))


def _existing(settings: Settings) -> list[Savepoint]:
    """The savepoints of this job that still exist, the oldest first."""
    return [each for each in _recorded(settings) if each.job == settings.job.name and _may_exist(each.path)]


def find(settings: Settings, path: str) -> Savepoint | None:
    """Find the record of a savepoint; None when it is not on record."""
    return next((each for each in reversed(_recorded(settings)) if each.path == path), None)


def check(path: str) -> None:
    """Refuse a local path that does not exist; other URLs cannot be checked here and pass.

    Raises:
        OperationError: naming the path.
    """
    if not _may_exist(path):
        raise OperationError(
            f"there is no savepoint or checkpoint at {path}: "
            "`sentinel stop` and `sentinel savepoint` say where they put theirs"
        )


def check_shards(settings: Settings, path: str) -> str:
    """Refuse a recorded savepoint that was taken with other numbers of shards: its profiles would not be found.

    Returns:
        A warning when the savepoint is not on record, so that its numbers are unknown; otherwise an empty text.

    Raises:
        OperationError: naming the numbers to restore it with.
    """
    found = find(settings, path)
    if found is None:
        return (
            f"{path} is not on record, so its numbers of shards are unknown; it is restored with "
            f"{_as_settings(_shards(settings))}, and if it was taken with others, its profiles will not be found"
        )
    if found.shards == _shards(settings):
        return ""
    raise OperationError(
        f"{path} was taken with other numbers of shards, and its profiles would not be found: "
        f"restore it with {_as_settings(found.shards)}"
    )


def _shards(settings: Settings) -> tuple[int, int, int]:
    return settings.job.shards, settings.job.device_shards, settings.job.merchant_shards


def _as_settings(shards: tuple[int, int, int]) -> str:
    return ", ".join(f"{name}={count}" for name, count in zip(SHARD_SETTINGS, shards, strict=True))


def _recorded(settings: Settings) -> list[Savepoint]:
    file = _file(settings)
    lines = file.read_bytes().splitlines() if file.exists() else []
    try:
        return [msgspec.json.decode(line, type=Savepoint) for line in lines]
    except msgspec.DecodeError as error:
        raise OperationError(f"{file} holds a line that is no savepoint, so remove that line: {error}") from None


def _may_exist(path: str) -> bool:
    """Whether a savepoint exists; one on a remote file system is assumed to."""
    url = urlparse(path)
    return url.scheme not in ("", "file") or Path(url.path).exists()


def _file(settings: Settings) -> Path:
    return under_root(settings.stack.folder) / "savepoints.jsonl"
