"""Run the whole job on the local stack for a benchmark: with separate topics and job name, removed afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apps.bench.latency import MatchedDecisions, first_decisions, match_decisions, with_transaction_id
from deploy.clients import kafka_clients, topics
from deploy.clients.decisions import await_decisions
from deploy.clients.flink_answers import Job
from deploy.clients.namespace import with_namespace
from deploy.errors import OperationError
from deploy.job import submission
from deploy.job.cleanup import cancel_job_and_delete_topics
from deploy.signals import interrupt_on_termination
from deploy.stack.stack import Stack
from flink_jobs.settings import Settings

READ_WITHIN_S = 300.0
Report = Callable[[str], None]
"""Shows a line about progress."""


@dataclass(frozen=True)
class BenchRun:
    """Topics of one run, timestamped by the broker on append, and the job on them."""

    settings: Settings

    def submit(self, report: Report) -> Job:
        """Submit the job and wait until it runs."""
        return submission.submit(self.settings, None, report)

    def await_decisions(self, expected: int, within_s: float) -> None:
        """Wait until the job has written a number of decisions.

        Raises:
            DecisionsMissingError: fewer were written in time.
        """
        await_decisions(self.settings, expected, within_s)

    def matched(self) -> MatchedDecisions:
        """Read all transactions and decisions, and join them."""
        return match_decisions(self.transactions(), self._read(self.settings.kafka.topics.decisions))

    def transactions(self) -> list[tuple[str, int]]:
        """Read id and append time, epoch milliseconds, of every transaction."""
        return self._read(self.settings.kafka.topics.transactions)

    def first_decisions(self) -> tuple[dict[str, int], int]:
        """Read the append time of each transaction's first decision, and the number of further decisions."""
        return first_decisions(self._read(self.settings.kafka.topics.decisions))

    def _read(self, topic: str) -> list[tuple[str, int]]:
        messages = kafka_clients.read_all(self.settings, topic, READ_WITHIN_S)
        return with_transaction_id((message.value() or b"", message.timestamp()[1]) for message in messages)


@contextmanager
def bench_run(settings: Settings, **job: object) -> Iterator[BenchRun]:
    """Create the topics of a run; at the end cancel the job and delete the topics.

    Also after Ctrl-C, SIGTERM or SIGHUP. Must be called from the main thread.

    Args:
        settings: settings of the stack.
        job: overrides of ``settings.job``.

    Raises:
        OperationError: the local stack does not run.
    """
    if not Stack(settings).is_up():
        raise OperationError("the benchmark measures the local stack: start it with `sentinel up`")
    run_settings = with_namespace(settings, f"bench-{int(time.time())}", **job)
    with interrupt_on_termination():
        try:
            topics.ensure(run_settings)
            topics.stamp_on_append(run_settings)
            yield BenchRun(run_settings)
        finally:
            cancel_job_and_delete_topics(run_settings)
