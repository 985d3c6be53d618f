"""Which savepoints were taken: a line each in a file, so that `restore` needs no path."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlparse

import msgspec

from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.paths import under_root
from flink_jobs.settings import Settings
from udfs.names import Uid

SHARDS = ("job.shards", "job.device_shards", "job.merchant_shards")


class Savepoint(msgspec.Struct, frozen=True):
    """One savepoint: where it is, of which job, and when it was taken (seconds since the epoch).

    ``shards`` of users, devices and merchants; records of before November 2026 do not say.
    """

    path: str
    job: str
    taken_at: float
    shards: tuple[int, int, int] | None = None


def record(settings: Settings, path: str) -> None:
    """Remember a savepoint that has just been taken."""
    file = _file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(Savepoint(path, settings.job.name, time.time(), _shards(settings))) + b"\n")


def stop(settings: Settings, rest: FlinkRest, job_id: str, timeout_s: float) -> str:
    """End a job with a savepoint, remember it, and wait until the job has ended; returns the savepoint's path."""
    path = rest.stop_with_savepoint(job_id, settings.flink.savepoint_dir or None, timeout_s)
    record(settings, path)
    rest.await_ended(job_id, timeout_s)
    return path


def latest(settings: Settings) -> Savepoint:
    """Find the last savepoint of this job that is still there.

    Raises:
        OperationError: when there is none.
    """
    for savepoint in reversed(_taken(settings)):
        if savepoint.job == settings.job.name and _may_exist(savepoint.path):
            return savepoint
    raise OperationError(f"no savepoint of {settings.job.name} is on record: give its path, or start with `submit`")


def check(path: str) -> None:
    """Refuse a path that is not there, as far as this machine can tell.

    Raises:
        OperationError: naming it.
    """
    if not _may_exist(path):
        raise OperationError(
            f"there is no savepoint or checkpoint at {path}: "
            "`sentinel stop` and `sentinel savepoint` say where they put theirs"
        )


def check_shards(settings: Settings, path: str) -> str:
    """Refuse a savepoint on record that was taken with other numbers of shards: their profiles would not be found.

    Returns:
        A warning where no record tells how many there were; else nothing.

    Raises:
        OperationError: telling both.
    """
    found = next((each for each in reversed(_taken(settings)) if each.path == path), None)
    if found is None or found.shards is None:
        now = ", ".join(f"{name}={count}" for name, count in zip(SHARDS, _shards(settings), strict=True))
        return (
            f"no record tells with how many shards {path} was taken; it is restored with {now}, and with others its "
            "profiles would not be found (before November 2026 the defaults were 4)"
        )
    if found.shards == _shards(settings):
        return ""
    wanted = ", ".join(f"{name}={count}" for name, count in zip(SHARDS, found.shards, strict=True))
    raise OperationError(
        f"{path} was taken with other numbers of shards, and its profiles would not be found: restore it with {wanted}"
    )


def _shards(settings: Settings) -> tuple[int, int, int]:
    return settings.job.shards, settings.job.device_shards, settings.job.merchant_shards


def _taken(settings: Settings) -> list[Savepoint]:
    file = _file(settings)
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Savepoint) for line in lines]


def holds_windows(path: str) -> bool:
    """Whether a savepoint is of a version that gathered in SQL windows, as far as this machine can tell."""
    metadata = Path(urlparse(path).path) / "_metadata"
    return metadata.is_file() and Uid.GATHER_BY_USER.value.encode() in metadata.read_bytes()


def _may_exist(path: str) -> bool:
    """Whether a savepoint is there, as far as this machine can tell: only local ones can be looked at."""
    url = urlparse(path)
    return url.scheme not in ("", "file") or Path(url.path).exists()


def _file(settings: Settings) -> Path:
    return under_root(settings.stack.folder) / "savepoints.jsonl"
