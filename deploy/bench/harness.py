"""Benchmarks of the whole job on the stack that runs: under names of its own, and cleaned up afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import psutil

from apps.bench.latency import Matched, first, identified, match
from deploy.clients import kafka_clients, topics
from deploy.clients.decisions import await_decisions
from deploy.clients.flink_rest import Job
from deploy.clients.namespace import with_namespace
from deploy.errors import OperationError
from deploy.job import submission
from deploy.job.cleanup import cancel_job_and_delete_topics
from deploy.signals import interrupted_by_ending_signals
from deploy.stack.stack import Stack, silent
from flink_jobs.settings import Settings

READ_WITHIN_S = 300.0
OTHERS = "everything else"


@dataclass(frozen=True)
class Bench:
    """Topics of its own, stamped by the broker on append, and the job on them."""

    settings: Settings

    def submit(self, say: Callable[[str], None] = silent) -> Job:
        """Submit the job and wait until it runs."""
        return submission.submit(self.settings, say=say)

    def await_decisions(self, count: int, within_s: float) -> None:
        """Wait until the job has written a number of decisions.

        Raises:
            DecisionsMissingError: fewer were written in time.
        """
        await_decisions(self.settings, count, within_s)

    def matched(self) -> Matched:
        """Transactions beside their decisions."""
        return match(self.transactions(), self._identified(self.settings.kafka.topics.decisions))

    def transactions(self) -> list[tuple[str, int]]:
        """Id of every transaction, and when it was appended, epoch milliseconds."""
        return self._identified(self.settings.kafka.topics.transactions)

    def first_decisions(self) -> tuple[dict[str, int], int]:
        """When the first decision of each transaction was appended, and how many there are beyond the first."""
        return first(self._identified(self.settings.kafka.topics.decisions))

    def alerts(self) -> int:
        """Alerts that are committed."""
        return sum(1 for _ in kafka_clients.read_all(self.settings, self.settings.kafka.topics.alerts, READ_WITHIN_S))

    def _identified(self, topic: str) -> list[tuple[str, int]]:
        messages = kafka_clients.read_all(self.settings, topic, READ_WITHIN_S)
        return identified((message.value() or b"", message.timestamp()[1]) for message in messages)


@contextmanager
def bench(settings: Settings, **job: object) -> Iterator[Bench]:
    """Make the topics; at the end, also after Ctrl-C, SIGTERM or a closed terminal, cancel the job and delete them.

    Belongs in the main thread.

    Args:
        settings: of the stack.
        job: fields of ``settings.job`` that are to differ.
    """
    if not Stack(settings).is_up():
        raise OperationError("the benchmark measures the local stack: start it with `sentinel up`")
    own = with_namespace(settings, f"bench-{int(time.time())}", **job)
    with interrupted_by_ending_signals():
        try:
            topics.ensure(own)
            topics.stamp_on_append(own)
            yield Bench(own)
        finally:
            cancel_job_and_delete_topics(own)


class CpuTimes(msgspec.Struct, frozen=True):
    """CPU seconds used so far: by each component of the stack, and by all processes of the machine together."""

    components: dict[str, float]
    machine: float

    @classmethod
    def now(cls, settings: Settings) -> CpuTimes:
        """Read them."""
        found: dict[str, float] = {}
        for part in Stack(settings).parts():
            process = part.component.process()
            if process is not None:
                times = process.cpu_times()
                found[part.component.name] = times.user + times.system
        whole = psutil.cpu_times()
        return cls(found, sum(whole[:8]) - whole.idle - whole.iowait)

    def since(self, before: CpuTimes) -> dict[str, float]:
        """What was used since ``before``; ``OTHERS`` is what no component did, and what the host took away."""
        used = {name: seconds - before.components.get(name, 0.0) for name, seconds in self.components.items()}
        return used | {OTHERS: self.machine - before.machine - sum(used.values())}
