"""A temporary stack on free ports in its own folder, which is removed at the end."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.clients import topics
from deploy.paths import RUN
from deploy.stack import disk
from deploy.stack.ports import LOOPBACK, free_ports
from deploy.stack.stack import Stack
from flink_jobs.settings import FlinkSettings, KafkaSettings, Settings, StackSettings

OWNER = "owner.lock"


@contextmanager
def ephemeral_stack(prefix: str, *, disk_mib: int | None = None, **stack: object) -> Iterator[Settings]:
    """Start a stack with its topics; at the end stop it and delete its folder, also after an exception.

    Its logs are kept in ``.run/<prefix>-logs``. Stacks of this prefix whose owner was killed are removed first: nobody
    holds the lock on their folder any more.

    Args:
        prefix: of the folder's name.
        disk_mib: size of a separate disk for checkpoints, MiB; ignored unless run by root.
        stack: fields of ``settings.stack`` that differ from those for a machine with two cores.
    """
    RUN.mkdir(exist_ok=True)
    _remove_orphans(prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=RUN))
    with (folder / OWNER).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = _settings(folder, stack)
        ephemeral = Stack(settings)
        try:
            if disk_mib is not None:
                disk.mount(checkpoint_folder(settings), disk_mib)
            ephemeral.up()
            topics.ensure(settings)
            yield settings
        finally:
            _remove(ephemeral, prefix)


def checkpoint_folder(settings: Settings) -> Path:
    """The folder of the checkpoints of a local stack."""
    return Stack(settings).folder / "flink" / "checkpoints"


def _remove_orphans(prefix: str) -> None:
    for orphan in RUN.glob(f"{prefix}-*/{OWNER}"):
        with orphan.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove(Stack(_settings(orphan.parent, {})), prefix)


def _settings(folder: Path, stack: dict[str, object]) -> Settings:
    kafka, controller, redis, rest, zookeeper = free_ports(5)
    stack_settings = {
        "folder": folder,
        "kafka_port": kafka,
        "kafka_controller_port": controller,
        "redis_port": redis,
        "flink_rest_port": rest,
        "zookeeper_port": zookeeper,
        "kafka_heap_mb": 512,
    }
    # Settings() would read the environment and the sentinel.yaml of the caller.
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap_servers=f"{LOOPBACK}:{kafka}", partitions=4),
        flink=FlinkSettings(rest_url=f"http://{LOOPBACK}:{rest}"),
        redis_url=f"redis://{LOOPBACK}:{redis}/0",
        stack=StackSettings.model_validate(stack_settings | stack),
    )


def _remove(stack: Stack, prefix: str) -> None:
    stack.down()
    disk.unmount(checkpoint_folder(stack.settings))
    logs, kept_logs = stack.folder / "logs", RUN / f"{prefix}-logs"
    if logs.exists():
        shutil.rmtree(kept_logs, ignore_errors=True)
        shutil.move(logs, kept_logs)
    shutil.rmtree(stack.folder)
