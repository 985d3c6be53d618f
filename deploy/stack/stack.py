"""The local system as a whole: Kafka, Redis and Flink in one folder."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Sequence

from deploy.errors import OperationError
from deploy.paths import under_root
from deploy.secrets import hide
from deploy.stack import flink, kafka, pruning, redis, scratch
from deploy.stack.process import ManagedProcess
from deploy.stack.service import Service
from flink_jobs.settings import Settings

MARKER = ".stream-sentinel-stack"


def silent(_: str) -> None:
    """Ignore a line of progress."""


class Stack:
    """The services that ``settings.stack`` describes, running or not.

    It holds no state: what runs is read from the folder at each call, so one command can stop what another started.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = under_root(settings.stack.folder).resolve()

    def services(self) -> list[Service]:
        """Every service, in the order in which they start."""
        return [
            kafka.service(self.settings, self.folder),
            redis.service(self.settings, self.folder),
            *flink.services(self.settings, self.folder),
        ]

    def processes(self) -> list[ManagedProcess]:
        """The process of every service, and those on record that the settings no longer name, such as TaskManagers."""
        known = {service.process.name: service.process for service in self.services()}
        for record in sorted((self.folder / "pids").glob("*.json")):
            known.setdefault(record.stem, ManagedProcess(record.stem, self.folder, self.folder / "logs" / record.stem))
        return list(known.values())

    def is_up(self) -> bool:
        return all(service.process.is_running() for service in self.services())

    def up(self, report: Callable[[str], None] = silent) -> None:
        """Start the services that do not run and wait until all of them answer; on failure they are stopped again.

        Args:
            report: called with a line for each service that is up.

        Raises:
            OperationError: settings that contradict each other, a port in use, a process that dies.
        """
        self._check_addresses()
        missing = [service for service in self.services() if not service.process.is_running()]
        for service in missing:
            service.check_ports()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / MARKER).touch()
        try:
            self._start(missing, report)
        except BaseException:  # Ctrl-C as well: no half-started stack may remain
            stop([service.process for service in missing])
            raise

    def down(self) -> list[str]:
        """Stop everything, the last started first; returns the names of the processes that ran."""
        stopped = stop(self.processes())
        scratch.remove(self.folder)
        return stopped

    def prune(self) -> int:
        """Delete what a stack that is down needs no more; returns the bytes freed, 0 where something still runs."""
        if not (self.folder / MARKER).exists() or any(process.is_running() for process in self.processes()):
            return 0
        return pruning.prune(self.settings.stack, self.folder)

    def wipe(self) -> None:
        """Delete the folder with all its data.

        Raises:
            OperationError: a process still runs, or the folder was not made by ``up``.
        """
        if not self.folder.exists():
            return
        if any(process.is_running() for process in self.processes()):
            raise OperationError("the stack is running: stop it with `sentinel down` before its data is deleted")
        if not (self.folder / MARKER).exists():
            raise OperationError(f"{self.folder} was not made by `sentinel up`, so it is not deleted")
        shutil.rmtree(self.folder)

    def task_manager(self, number: int) -> Service:
        """One TaskManager, counted from 1; tests of failures kill and restart it."""
        return flink.task_manager(self.settings, self.folder, number)

    def job_manager(self) -> Service:
        """The JobManager."""
        return flink.job_manager(self.settings, self.folder)

    def broker(self) -> Service:
        """The Kafka broker."""
        return kafka.service(self.settings, self.folder)

    def redis(self) -> Service:
        """The Redis server."""
        return redis.service(self.settings, self.folder)

    def task_managers_started_at(self) -> float:
        """Start time of the oldest running TaskManager, seconds since the epoch; infinity when none runs."""
        running = (each.process.find() for each in self._task_managers())
        return min((process.create_time() for process in running if process is not None), default=math.inf)

    def restart_task_managers(self) -> None:
        """Stop every TaskManager and start it again, which imports the code anew.

        Raises:
            OperationError: one does not come up in time.
        """
        task_managers = self._task_managers()
        stop([each.process for each in task_managers])
        flink.await_unregistered(self.settings, [each.process.name for each in task_managers])
        self._start(task_managers, silent)

    def _task_managers(self) -> list[Service]:
        return [self.task_manager(number) for number in range(1, self.settings.stack.task_managers + 1)]

    def _start(self, services: Sequence[Service], report: Callable[[str], None]) -> None:
        # All are launched before any is awaited: on two cores a third faster than one after another.
        for service in services:
            service.launch()
        for service in services:
            service.await_ready()
            report(f"{service.process.name} is up")

    def _check_addresses(self) -> None:
        wanted = self.settings
        for address_name, address, port_name, port in (
            ("kafka.bootstrap_servers", wanted.kafka.bootstrap_servers, "stack.kafka_port", wanted.stack.kafka_port),
            ("flink.rest_url", wanted.flink.rest_url, "stack.flink_rest_port", wanted.stack.flink_rest_port),
            ("redis_url", wanted.redis_url, "stack.redis_port", wanted.stack.redis_port),
        ):
            if not re.search(rf":{port}\b", address):
                raise OperationError(
                    f"{address_name} is {hide(address)} but {port_name} is {port}: "
                    "set both alike to run the local stack"
                )


def stop(processes: Sequence[ManagedProcess]) -> list[str]:
    """Stop processes, the last first; returns the names of those that ran."""
    return [process.name for process in reversed(processes) if process.stop()]
