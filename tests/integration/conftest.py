"""The stack that integration tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from tests.integration.local_stack import LocalStack, running_stack


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """A real Kafka, Redis and Flink with the topics made; started once, and stopped at the end of the session."""
    # By itself SIGTERM would end pytest without any clean-up; so it ends as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, _interrupt)
    with running_stack() as running:
        yield running
    signal.signal(signal.SIGTERM, before)
