"""A real stack for tests, and what tests do with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Message

from deploy.clients import kafka_clients, topics
from deploy.clients.flink_rest import FlinkRest, Job, JobNotFoundError
from deploy.clients.namespace import with_namespace
from deploy.job.submission import settings_environment
from deploy.paths import ROOT
from deploy.stack.ephemeral import ephemeral_stack
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

COMMAND_WITHIN_S = 240.0
POLL_S = 0.25


@dataclass(frozen=True)
class LocalStack:
    """A running stack, and what tests do with it."""

    settings: Settings
    stack: Stack
    rest: FlinkRest

    def with_own_topics(self, prefix: str, **job: object) -> LocalStack:
        """The same processes seen with topics, consumer group and job name of one's own; the topics are made.

        Args:
            prefix: begins every name; no other test may use it.
            job: fields of ``settings.job`` that are to differ.
        """
        settings = with_namespace(self.settings, prefix, **job)
        topics.ensure(settings)
        return LocalStack(settings, Stack(settings), self.rest)

    def sentinel(self, *arguments: str) -> str:
        """Run the command line as a user does, with this stack's settings; what it printed."""
        result = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            env=settings_environment(os.environ | {"COLUMNS": "200"}, self.settings),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
        assert result.returncode == 0, f"sentinel {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}"
        return result.stdout

    def job(self) -> Job:
        """The job of this name that runs."""
        return self.rest.running(self.settings.job.name)

    def cancel_job(self) -> None:
        """End the job, if it runs."""
        try:
            self.rest.cancel(self.job().id, timeout_s=60)
        except JobNotFoundError:
            return

    def produce(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Send keys and values, and wait until the broker has all of them."""
        sender = kafka_clients.producer(self.settings)
        for key, value in records:
            sender.send(topic, key, value)
        sender.close()

    def read(self, topic: str) -> list[Message]:
        """Every committed record that the topic holds now."""
        return list(kafka_clients.read_all(self.settings, topic))

    def await_records(self, topic: str, count: int, within_s: float) -> list[Message]:
        """Committed records from the topic's beginning, as soon as there are so many; fails when the time is over."""
        deadline = time.monotonic() + within_s
        found: list[Message] = []
        following = kafka_clients.follow(
            self.settings, topic, from_beginning=True, until=lambda: time.monotonic() > deadline
        )
        for message in following:
            found += [message] if message is not None else []
            if len(found) >= count:
                return found
        raise AssertionError(f"{topic} holds {len(found)} of {count} records after {within_s:.0f} s")

    def await_checkpoints(self, more: int, within_s: float = 120.0) -> None:
        """Wait until so many more checkpoints are completed: after two, all that was decided before is committed."""
        wanted = self.rest.checkpoints(self.job().id).completed + more
        await_true(lambda: self.rest.checkpoints(self.job().id).completed >= wanted, within_s, "checkpoints completed")


def await_true(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until something holds; fails when the time is over."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not {what} after {within_s:.0f} s"
        time.sleep(POLL_S)


@contextmanager
def running_stack() -> Iterator[LocalStack]:
    """Start a stack and stop it at the end whatever happens; its logs stay in ``.run/tests-logs``."""
    with ephemeral_stack("tests") as settings:
        yield LocalStack(settings, Stack(settings), FlinkRest(settings.flink.rest_url))
