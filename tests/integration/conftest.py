"""The stack of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.signals import interrupt_on_termination
from tests.integration.local_stack import LocalStack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """A real Kafka, Redis and Flink with the topics, started once for the session."""
    with interrupt_on_termination(), running_stack() as running:
        yield running
