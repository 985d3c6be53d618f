"""A stack of one's own: on free ports, in a folder of its own, gone when its owner is gone."""

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
    """Start a stack and make its topics; at the end, whatever happens, stop it and delete its folder.

    Its logs stay in ``.run/<prefix>-logs``. What a killed owner left behind is removed first: its folder's lock has no
    owner any more.

    Args:
        prefix: of the folder's name.
        disk_mib: size of a disk of their own for checkpoints, MiB; only root can make one, for others this is ignored.
        stack: fields of ``settings.stack`` that are to differ from what suits a machine with two cores.
    """
    RUN.mkdir(exist_ok=True)
    _remove_left(prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=RUN))
    with (folder / OWNER).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = _settings(folder, stack)
        own = Stack(settings)
        try:
            if disk_mib is not None:
                disk.mount(checkpoints(settings), disk_mib)
            own.up()
            topics.ensure(settings)
            yield settings
        finally:
            _remove(own, prefix)


def checkpoints(settings: Settings) -> Path:
    """The folder of the checkpoints of a local stack."""
    return Stack(settings).folder / "flink" / "checkpoints"


def _remove_left(prefix: str) -> None:
    for left in RUN.glob(f"{prefix}-*/{OWNER}"):
        with left.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove(Stack(_settings(left.parent, {})), prefix)


def _settings(folder: Path, stack: dict[str, object]) -> Settings:
    kafka, controller, redis, rest, zookeeper = free_ports(5)
    of_stack = {
        "folder": folder,
        "kafka_port": kafka,
        "kafka_controller_port": controller,
        "redis_port": redis,
        "flink_rest_port": rest,
        "zookeeper_port": zookeeper,
        "kafka_heap_mb": 512,
    }
    # Not by Settings(): that would read the environment and the sentinel.yaml of whoever runs this.
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap_servers=f"{LOOPBACK}:{kafka}", partitions=4),
        flink=FlinkSettings(rest_url=f"http://{LOOPBACK}:{rest}"),
        redis_url=f"redis://{LOOPBACK}:{redis}/0",
        stack=StackSettings.model_validate(of_stack | stack),
    )


def _remove(stack: Stack, prefix: str) -> None:
    stack.down()
    disk.unmount(checkpoints(stack.settings))
    logs, kept = stack.folder / "logs", RUN / f"{prefix}-logs"
    if logs.exists():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(logs, kept)
    shutil.rmtree(stack.folder)
