"""A real stack for tests, and the steps that tests share."""

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
from deploy.clients.flink_answers import Job
from deploy.clients.flink_rest import FlinkRest, JobNotFoundError
from deploy.clients.namespace import with_namespace
from deploy.job import settings_file
from deploy.paths import ROOT
from deploy.stack.ephemeral import ephemeral_stack
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

COMMAND_WITHIN_S = 240.0
POLL_S = 0.25


@dataclass(frozen=True)
class LocalStack:
    """A running stack."""

    settings: Settings
    stack: Stack
    rest: FlinkRest

    def with_namespace(self, prefix: str, **job: object) -> LocalStack:
        """Put a namespace on the same processes, and create its topics.

        Args:
            prefix: of topics, consumer group and job name; no other test may use it.
            job: fields of ``settings.job`` that differ.
        """
        settings = with_namespace(self.settings, prefix, **job)
        topics.ensure(settings)
        return LocalStack(settings, Stack(settings), self.rest)

    def sentinel(self, *arguments: str) -> str:
        """Run the command line with this stack's settings; returns its output."""
        file = self.stack.folder / f"{self.settings.job.name}.yaml"
        settings_file.write(file, self.settings)
        result = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            env=settings_file.environment_with(os.environ | {"COLUMNS": "200"}, file),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
        assert result.returncode == 0, f"sentinel {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}"
        return result.stdout

    def job(self) -> Job:
        """The running job of these settings."""
        return self.rest.running(self.settings.job.name)

    def cancel_job(self) -> None:
        """Cancel the job, if it runs."""
        try:
            self.rest.cancel(self.job().id, timeout_s=60)
        except JobNotFoundError:
            return

    def produce(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Send keys and values, and wait until the broker has all of them."""
        producer = kafka_clients.producer(self.settings)
        for key, value in records:
            producer.send(topic, key, value)
        producer.close()

    def read(self, topic: str) -> list[Message]:
        """Every committed record that the topic holds now."""
        return list(kafka_clients.read_all(self.settings, topic))

    def await_records(self, topic: str, count: int, within_s: float) -> list[Message]:
        """Wait until a topic holds a number of committed records, and return them; fails when the time is over."""
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
        """Wait for further checkpoints: after two, everything decided before is committed."""
        wanted = self.rest.checkpoints(self.job().id).completed + more
        await_true(lambda: self.rest.checkpoints(self.job().id).completed >= wanted, within_s, "checkpoints completed")


def await_true(condition: Callable[[], bool], within_s: float, description: str) -> None:
    """Wait until a condition holds; fails when the time is over."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not {description} after {within_s:.0f} s"
        time.sleep(POLL_S)


@contextmanager
def running_stack() -> Iterator[LocalStack]:
    """Start a stack, and remove it at the end; its logs are kept in ``.run/tests-logs``."""
    with ephemeral_stack("tests") as settings:
        yield LocalStack(settings, Stack(settings), FlinkRest(settings.flink.rest_url))
