"""Whoever is measured, our own job or a peer: started, asked how far it is and what it used, and ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlparse

import msgspec
import psutil
import redis

from apps.peers.options import PeerOptions
from apps.peers.peer import Peer, Runs
from apps.peers.work import SHIPPED_MODEL
from deploy.bench.harness import CpuTimes
from deploy.bench.peers.virtualenv import python_for
from deploy.clients import kafka_clients, topics
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.job import submission
from deploy.paths import ROOT, RUN
from deploy.stack.process import ManagedProcess
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

FOLDER = RUN / "peers"
CANCELLED_WITHIN_S = 60.0
SLOTS_WITHIN_S = 60.0
_REDIS_DATABASE = 15

BROKER, STORE = "kafka", "redis"


class Runner(Protocol):
    """One that decides what comes to the input topics of its settings."""

    settings: Settings

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds used so far, by component: of those that work for it, and of the broker."""

    def check(self) -> None:
        """Raise ``OperationError`` when it has died."""


class OnFlink:
    """A job of the local cluster.

    Args:
        settings: with its topics.
        job_id: of Flink.
    """

    def __init__(self, settings: Settings, job_id: str) -> None:
        self.settings = settings
        self._job_id = job_id

    def cpu_seconds(self) -> dict[str, float]:
        """Of Flink's processes and the broker."""
        used = CpuTimes.now(self.settings).components
        return {name: seconds for name, seconds in used.items() if name != STORE}

    def check(self) -> None:
        """Raise when the job has ended or fails."""
        rest = FlinkRest(self.settings.flink.rest_url)
        if rest.job(self._job_id).ended or rest.failures(self._job_id):
            raise OperationError(f"the job failed: {' / '.join(rest.failures(self._job_id)[:1])}")


class OwnProcesses:
    """A peer's own processes.

    Args:
        settings: with its topics.
        components: the processes.
        uses_redis: whether Redis works for it.
    """

    def __init__(self, settings: Settings, components: list[ManagedProcess], *, uses_redis: bool) -> None:
        self.settings = settings
        self._components = components
        self._others = {BROKER, STORE} if uses_redis else {BROKER}

    def cpu_seconds(self) -> dict[str, float]:
        """Of the processes with their children, the broker, and of Redis where it is used."""
        used = CpuTimes.now(self.settings).components
        found = {name: seconds for name, seconds in used.items() if name in self._others}
        for component in self._components:
            process = component.find()
            if process is not None:
                found[component.name] = sum(map(_cpu, [process, *process.children(recursive=True)]))
        return found

    def check(self) -> None:
        """Raise when one of them is gone."""
        for component in self._components:
            if not component.is_running():
                raise OperationError(f"{component.name} ended; its log ends with:\n{component.log_tail()}")


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def own_job(settings: Settings, say: Callable[[str], None]) -> Iterator[Runner]:
    """Our own job, on fresh TaskManagers; it is cancelled at the end."""
    with _flink_job(settings, submission.JOB_FILE, (), say) as running:
        yield running


@contextmanager
def peer(which: Peer, settings: Settings, say: Callable[[str], None]) -> Iterator[Runner]:
    """A peer that reads the input topics of some settings and writes to topics of its own; it is ended at the end.

    Raises:
        OperationError: it cannot be installed or started.
    """
    group = f"{settings.job.name}-{which.name}"
    with _decisions_apart(settings, group) as own, _empty_database(own) as redis_url:
        options = options_of(which, own, group, redis_url)
        if which.runs is Runs.ON_FLINK:
            named = own.model_copy(update={"job": own.job.model_copy(update={"name": group})})
            file = ROOT / Path(*which.module.split(".")).with_suffix(".py")
            with _flink_job(named, file, (msgspec.json.encode(options).decode(),), say) as running:
                yield running
            return
        components = [
            ManagedProcess(f"{group}-{number}", FOLDER, _log(which, number)) for number in range(which.processes)
        ]
        try:
            for number, component in enumerate(components):
                component.log.unlink(missing_ok=True)
                component.start(*command(which, msgspec.structs.replace(options, process=number), say), ROOT)
            yield OwnProcesses(own, components, uses_redis=which.uses_redis)
        finally:
            for component in components:
                component.stop()


def options_of(which: Peer, settings: Settings, group: str, redis_url: str) -> PeerOptions:
    """What a peer is told."""
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
        batch=which.batch,
        processes=which.processes,
    )


def command(which: Peer, options: PeerOptions, say: Callable[[str], None]) -> tuple[list[str], Mapping[str, str]]:
    """Command and environment of one of its processes."""
    arguments = [python_for(which.needs, say), "-m", which.module, msgspec.json.encode(options).decode()]
    return arguments, os.environ | {"PYTHONPATH": str(ROOT)}


def _log(which: Peer, number: int) -> Path:
    return FOLDER / "logs" / f"{which.name}-{number}.log"


@contextmanager
def _flink_job(
    settings: Settings, job_file: Path, arguments: tuple[str, ...], say: Callable[[str], None]
) -> Iterator[OnFlink]:
    # Each job gets processes as fresh as the others had them: a warm JVM would be a present.
    Stack(settings).restart_task_managers()
    _await_slots(settings)
    try:
        job = submission.submit(settings, report=say, job_file=job_file, arguments=arguments)
        yield OnFlink(settings, job.id)
    finally:
        # By name: what was interrupted while it was submitted has no id yet.
        rest = FlinkRest(settings.flink.rest_url)
        for running in rest.jobs():
            if running.name == settings.job.name and not running.ended:
                rest.cancel(running.id, CANCELLED_WITHIN_S)


def _await_slots(settings: Settings) -> None:
    """Wait for what new TaskManagers offer: the old ones, of the same names, are remembered for a while."""
    wanted = settings.job.parallelism
    if FlinkRest(settings.flink.rest_url).await_free_slots(wanted, SLOTS_WITHIN_S) < wanted:
        raise OperationError(f"new TaskManagers offer too few slots after {SLOTS_WITHIN_S:.0f} s")


@contextmanager
def _decisions_apart(settings: Settings, group: str) -> Iterator[Settings]:
    """The same input, with topics of one's own for what is written; all that are named after the group are deleted."""
    names = settings.kafka.topics.model_copy(update={"decisions": f"{group}-decisions", "alerts": f"{group}-alerts"})
    kafka = settings.kafka.model_copy(update={"topics": names, "consumer_group": group})
    own = settings.model_copy(update={"kafka": kafka})
    topics.ensure(own)
    topics.stamp_on_append(own)
    try:
        yield own
    finally:
        topics.delete_named(own, group)


@contextmanager
def _empty_database(settings: Settings) -> Iterator[str]:
    """Url of a database of the local Redis that nobody else uses, empty before and afterwards."""
    url = urlparse(settings.redis_url)._replace(path=f"/{_REDIS_DATABASE}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        try:
            yield url
        finally:
            client.flushdb()
