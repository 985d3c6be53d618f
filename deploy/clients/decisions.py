"""Wait until the job has written a number of decisions."""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy.clients import topics
from deploy.errors import OperationError
from flink_jobs.settings import Settings

POLL_S = 0.25


class DecisionsMissingError(OperationError):
    """Fewer decisions than expected were written in time."""


def count_decisions(settings: Settings) -> int:
    """Number of records in the decisions topic."""
    return topics.records(settings, settings.kafka.topics.decisions)


def await_decisions(
    settings: Settings, expected: int, within_s: float, on_poll: Callable[[], None] = lambda: None
) -> None:
    """Wait until the decisions topic holds a number of records.

    Args:
        settings: Kafka and the name of the topic.
        expected: records to wait for, counted from the beginning of the topic.
        within_s: how long to wait, seconds.
        on_poll: called after each read that found too few; may raise to end the waiting.

    Raises:
        DecisionsMissingError: fewer were written in time.
    """
    await_count(lambda: count_decisions(settings), expected, within_s, on_poll)


def await_count(
    count: Callable[[], int],
    expected: int,
    within_s: float,
    on_poll: Callable[[], None] = lambda: None,
    poll_s: float = POLL_S,
) -> None:
    """Wait until a counter of decisions reaches a number, wherever they are counted.

    Args:
        count: reads the counter.
        expected: value to wait for.
        within_s: how long to wait, seconds.
        on_poll: called after each value that is too small; may raise to end the waiting.
        poll_s: pause between two reads, seconds; 0 when ``count`` itself waits.

    Raises:
        DecisionsMissingError: the counter did not reach the value in time.
    """
    deadline = time.monotonic() + within_s
    while (found := count()) < expected:
        on_poll()
        if time.monotonic() > deadline:
            raise DecisionsMissingError(f"{found:,} of {expected:,} decisions are there after {within_s:.0f} s")
        time.sleep(poll_s)
