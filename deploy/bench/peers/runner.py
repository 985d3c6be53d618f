"""Start and end the systems that are compared, Stream Sentinel or a peer, and read their CPU time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlparse

import msgspec
import psutil
import redis

from apps.peers.options import PeerOptions
from apps.peers.peer import Peer, Runtime
from apps.peers.work import SHIPPED_MODEL
from deploy.bench.cpu import CpuTimes
from deploy.bench.harness import Report
from deploy.bench.peers.virtualenv import python_with
from deploy.clients import kafka_clients, topics
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.job import submission
from deploy.job.cleanup import cancel_job
from deploy.paths import ROOT, RUN
from deploy.stack.process import ManagedProcess
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

FOLDER = RUN / "peers"
SLOTS_WITHIN_S = 60.0
_REDIS_DATABASE = 15

BROKER, STORE = "kafka", "redis"


class Runner(Protocol):
    """Running system that decides the records of the input topics.

    Attributes:
        settings: settings with the topics it reads and writes.
    """

    settings: Settings

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by component: of the system, its store, and the broker."""

    def check(self) -> None:
        """Raise ``OperationError`` when the system has ended."""


class FlinkJobRunner:
    """Job of the local Flink cluster.

    Args:
        settings: settings with the topics it reads and writes.
        job_id: id of the job.
    """

    def __init__(self, settings: Settings, job_id: str) -> None:
        self.settings = settings
        self._job_id = job_id

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of Flink's processes and the broker."""
        used = CpuTimes.now(self.settings).components
        return {name: seconds for name, seconds in used.items() if name != STORE}

    def check(self) -> None:
        """Raise when the job has ended or failed."""
        rest = FlinkRest(self.settings.flink.rest_url)
        if rest.job(self._job_id).ended or rest.failures(self._job_id):
            raise OperationError(f"the job failed: {' / '.join(rest.failures(self._job_id)[:1])}")


class ProcessRunner:
    """Processes of a peer.

    Args:
        settings: settings with the topics they read and write.
        components: the processes.
        uses_redis: whether their state is in Redis.
    """

    def __init__(self, settings: Settings, components: list[ManagedProcess], *, uses_redis: bool) -> None:
        self.settings = settings
        self._components = components
        self._services = {BROKER, STORE} if uses_redis else {BROKER}

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of the processes with their children, of the broker, and of Redis if it is used."""
        used = CpuTimes.now(self.settings).components
        found = {name: seconds for name, seconds in used.items() if name in self._services}
        for component in self._components:
            process = component.find()
            if process is not None:
                found[component.name] = sum(map(_cpu_seconds, [process, *process.children(recursive=True)]))
        return found

    def check(self) -> None:
        """Raise when one of the processes has ended."""
        for component in self._components:
            if not component.is_running():
                raise OperationError(f"{component.name} ended; its log ends with:\n{component.log_tail()}")


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def start_sentinel(settings: Settings, report: Report) -> Iterator[Runner]:
    """Run Stream Sentinel's job on new TaskManagers, and cancel it at the end."""
    with _flink_job(settings, submission.JOB_FILE, (), report) as runner:
        yield runner


@contextmanager
def start_peer(peer: Peer, settings: Settings, report: Report) -> Iterator[Runner]:
    """Run a peer that reads the input topics of ``settings`` and writes to its own; end it at the end.

    Raises:
        OperationError: it cannot be installed or started.
    """
    group = f"{settings.job.name}-{peer.name}"
    with _separate_outputs(settings, group) as peer_settings, _empty_database(peer_settings) as redis_url:
        options = peer_options(peer, peer_settings, group, redis_url)
        if peer.runtime is Runtime.ON_FLINK:
            job = peer_settings.job.model_copy(update={"name": group})
            file = ROOT / Path(*peer.module.split(".")).with_suffix(".py")
            arguments = (msgspec.json.encode(options).decode(),)
            with _flink_job(peer_settings.model_copy(update={"job": job}), file, arguments, report) as runner:
                yield runner
            return
        components = [
            ManagedProcess(f"{group}-{number}", FOLDER, _log(peer, number)) for number in range(peer.processes)
        ]
        try:
            for number, component in enumerate(components):
                component.log.unlink(missing_ok=True)
                component.start(*command(peer, msgspec.structs.replace(options, process=number), report), ROOT)
            yield ProcessRunner(peer_settings, components, uses_redis=peer.uses_redis)
        finally:
            for component in components:
                component.stop()


def peer_options(peer: Peer, settings: Settings, group: str, redis_url: str) -> PeerOptions:
    """Make the options of a peer's processes from the product's settings.

    Args:
        peer: peer to start.
        settings: settings with the topics it reads and writes.
        group: consumer group, and prefix of other names.
        redis_url: database for its state.
    """
    names = settings.kafka.topics
    properties = kafka_clients.client_properties(settings) | {"message.max.bytes": settings.kafka.max_record_bytes}
    return PeerOptions(
        kafka={name: str(value) for name, value in properties.items()},
        transactions=names.transactions,
        account_events=names.account_events,
        labels=names.labels,
        decisions=names.decisions,
        alerts=names.alerts,
        group=group,
        folder=str(FOLDER / group),
        redis_url=redis_url,
        model=str(settings.model.folder or SHIPPED_MODEL),
        batch=peer.batch,
        processes=peer.processes,
    )


def command(peer: Peer, options: PeerOptions, report: Report) -> tuple[list[str], Mapping[str, str]]:
    """Return command line and environment of one of a peer's processes."""
    arguments = [python_with(peer.requirements, report), "-m", peer.module, msgspec.json.encode(options).decode()]
    return arguments, os.environ | {"PYTHONPATH": str(ROOT)}


def _log(peer: Peer, number: int) -> Path:
    return FOLDER / "logs" / f"{peer.name}-{number}.log"


@contextmanager
def _flink_job(
    settings: Settings, job_file: Path, arguments: tuple[str, ...], report: Report
) -> Iterator[FlinkJobRunner]:
    # Every system starts in new processes: a warm JVM would be an advantage.
    Stack(settings).restart_task_managers()
    _await_slots(settings)
    try:
        job = submission.submit(settings, None, report, job_file, arguments)
        yield FlinkJobRunner(settings, job.id)
    finally:
        cancel_job(settings)


def _await_slots(settings: Settings) -> None:
    """Wait until the new TaskManagers have registered; the JobManager keeps the old ones for a while."""
    needed = settings.job.parallelism
    if FlinkRest(settings.flink.rest_url).await_free_slots(needed, SLOTS_WITHIN_S) < needed:
        raise OperationError(f"new TaskManagers offer too few slots after {SLOTS_WITHIN_S:.0f} s")


@contextmanager
def _separate_outputs(settings: Settings, group: str) -> Iterator[Settings]:
    """Create output topics for a peer; at the end delete every topic whose name contains the group.

    The input topics stay. Some peers create further topics, such as changelogs, which are named after their group.
    """
    names = settings.kafka.topics.model_copy(update={"decisions": f"{group}-decisions", "alerts": f"{group}-alerts"})
    kafka = settings.kafka.model_copy(update={"topics": names, "consumer_group": group})
    peer_settings = settings.model_copy(update={"kafka": kafka})
    topics.ensure(peer_settings)
    topics.stamp_on_append(peer_settings)
    try:
        yield peer_settings
    finally:
        topics.delete_named(peer_settings, group)


@contextmanager
def _empty_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of a database of the local Redis that nothing else uses, emptied before and after."""
    url = urlparse(settings.redis_url)._replace(path=f"/{_REDIS_DATABASE}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        try:
            yield url
        finally:
            client.flushdb()
