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
from deploy.clients.flink_rest import FlinkRest, Job
from deploy.clients.namespace import with_namespace
from deploy.errors import OperationError
from deploy.job import submission
from deploy.signals import interrupt_on_termination
from deploy.stack.stack import Stack, silent
from flink_jobs.settings import Settings

POLL_S = 0.25
CANCELLED_WITHIN_S = 60.0
READ_WITHIN_S = 300.0
OTHERS = "everything else"


@dataclass(frozen=True)
class Bench:
    """Topics of its own, stamped by the broker on append, and the job on them."""

    settings: Settings

    def submit(self, say: Callable[[str], None] = silent) -> Job:
        """Submit the job and wait until it runs."""
        return submission.submit(self.settings, report=say)

    def await_decisions(self, count: int, within_s: float, tell: Callable[[int], None]) -> None:
        """Wait until so many decisions are there.

        Raises:
            OperationError: they are not in time.
        """
        deadline = time.monotonic() + within_s
        while (found := topics.records(self.settings, self.settings.kafka.topics.decisions)) < count:
            tell(found)
            if time.monotonic() > deadline:
                raise OperationError(f"{found:,} of {count:,} decisions are there after {within_s:.0f} s")
            time.sleep(POLL_S)

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
    with interrupt_on_termination():
        try:
            topics.ensure(own)
            topics.stamp_on_append(own)
            yield Bench(own)
        finally:
            rest = FlinkRest(own.flink.rest_url)
            for running in rest.jobs():
                if running.name == own.job.name and not running.ended:
                    rest.cancel(running.id, CANCELLED_WITHIN_S)
            topics.delete(own)


class CpuTimes(msgspec.Struct, frozen=True):
    """CPU seconds used so far: by each component of the stack, and by all processes of the machine together."""

    components: dict[str, float]
    machine: float

    @classmethod
    def now(cls, settings: Settings) -> CpuTimes:
        """Read them."""
        found: dict[str, float] = {}
        for part in Stack(settings).services():
            process = part.process.find()
            if process is not None:
                times = process.cpu_times()
                found[part.process.name] = times.user + times.system
        whole = psutil.cpu_times()
        return cls(found, sum(whole[:8]) - whole.idle - whole.iowait)

    def since(self, before: CpuTimes) -> dict[str, float]:
        """What was used since ``before``; ``OTHERS`` is what no component did, and what the host took away."""
        used = {name: seconds - before.components.get(name, 0.0) for name, seconds in self.components.items()}
        return used | {OTHERS: self.machine - before.machine - sum(used.values())}
