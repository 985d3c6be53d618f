"""The whole local system as one thing: Kafka, Redis and Flink in one folder."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Sequence

from deploy.errors import OperationError
from deploy.paths import under_root
from deploy.stack import flink, kafka, redis
from deploy.stack.process import Component
from deploy.stack.service import Service
from flink_jobs.settings import Settings

MARKER = ".stream-sentinel-stack"


def silent(_: str) -> None:
    """The listener of those who do not want to hear how far it is."""


class Stack:
    """The components that ``settings.stack`` describes, running or not.

    It holds no state: what runs is read from the folder each time, so that one command can stop what another started.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = under_root(settings.stack.folder).resolve()

    def parts(self) -> list[Service]:
        """Every component, in the order in which they start."""
        return [
            kafka.part(self.settings, self.folder),
            redis.part(self.settings, self.folder),
            *flink.parts(self.settings, self.folder),
        ]

    def components(self) -> list[Component]:
        """Every component, and TaskManagers of an earlier run that had more of them."""
        known = {part.component.name: part.component for part in self.parts()}
        for record in sorted((self.folder / "pids").glob("*.json")):
            known.setdefault(record.stem, Component(record.stem, self.folder, self.folder / "logs" / record.stem))
        return list(known.values())

    def is_up(self) -> bool:
        return all(part.component.is_running() for part in self.parts())

    def up(self, say: Callable[[str], None] = silent) -> None:
        """Start what does not run yet and wait until all of it answers; what this call started is stopped on failure.

        Raises:
            OperationError: settings that contradict each other, a port in use, a component that dies.
        """
        self._check_addresses()
        missing = [part for part in self.parts() if not part.component.is_running()]
        for part in missing:
            part.check_ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARKER).touch()
        try:
            self._start(missing, say)
        except BaseException:  # Ctrl-C as well: nothing half started may stay
            stop([part.component for part in missing])
            raise

    def down(self) -> list[str]:
        """Stop everything, the last started first; returns the names of what was running."""
        return stop(self.components())

    def wipe(self) -> None:
        """Delete the folder with all its data.

        Raises:
            OperationError: when a component still runs, or the folder is not one that ``up`` made.
        """
        if not self.folder.exists():
            return
        if any(component.is_running() for component in self.components()):
            raise OperationError("the stack is running: stop it with `sentinel down` before its data is deleted")
        if not (self.folder / MARKER).exists():
            raise OperationError(f"{self.folder} was not made by `sentinel up`, so it is not deleted")
        shutil.rmtree(self.folder)

    def task_manager(self, number: int) -> Service:
        """One TaskManager, counted from 1: to be killed and started again by those who test failures."""
        return flink.task_manager(self.settings, self.folder, number)

    def job_manager(self) -> Service:
        """The JobManager, likewise."""
        return flink.job_manager(self.settings, self.folder)

    def broker(self) -> Service:
        """The broker, likewise."""
        return kafka.part(self.settings, self.folder)

    def redis(self) -> Service:
        """Redis, likewise."""
        return redis.part(self.settings, self.folder)

    def task_managers_started_at(self) -> float:
        """When the oldest running TaskManager began, seconds since the epoch; infinity when none runs."""
        numbers = range(1, self.settings.stack.task_managers + 1)
        running = (self.task_manager(number).component.process() for number in numbers)
        return min((process.create_time() for process in running if process is not None), default=math.inf)

    def restart_task_managers(self) -> None:
        """Stop every TaskManager and start it afresh: new processes, newly imported code."""
        numbers = range(1, self.settings.stack.task_managers + 1)
        parts = [self.task_manager(number) for number in numbers]
        stop([part.component for part in parts])
        flink.await_forgotten(self.settings, [part.component.name for part in parts])
        self._start(parts, silent)

    def _start(self, parts: Sequence[Service], say: Callable[[str], None]) -> None:
        # All are launched before any is awaited: on two cores this is a third faster than one after another.
        for part in parts:
            part.launch()
        for part in parts:
            part.await_ready()
            say(f"{part.component.name} is up")

    def _check_addresses(self) -> None:
        wanted = self.settings
        for address_name, address, port_name, port in (
            ("kafka.bootstrap_servers", wanted.kafka.bootstrap_servers, "stack.kafka_port", wanted.stack.kafka_port),
            ("flink.rest_url", wanted.flink.rest_url, "stack.flink_rest_port", wanted.stack.flink_rest_port),
            ("redis_url", wanted.redis_url, "stack.redis_port", wanted.stack.redis_port),
        ):
            if not re.search(rf":{port}\b", address):
                raise OperationError(
                    f"{address_name} is {address} but {port_name} is {port}: set both alike to run the local stack"
                )


def stop(components: Sequence[Component]) -> list[str]:
    """Stop components, the last first; returns the names of those that ran."""
    return [component.name for component in reversed(components) if component.stop()]
