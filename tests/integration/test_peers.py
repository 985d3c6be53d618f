"""The Redis consumer makes the same decisions as the stages, with a real Redis, event by event and in batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from apps.peers.redis_consumer import in_memory
from deploy.stack import redis as redis_service
from deploy.stack.ports import LOOPBACK, free_ports
from flink_jobs.settings import Settings, StackSettings
from tests.contract.test_peers import BATCH, by_the_stages, decided, sent

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    """A separate Redis."""
    (port,) = free_ports(1)
    service = redis_service.service(
        Settings.model_construct(stack=StackSettings(folder=tmp_path, redis_port=port)), tmp_path
    )
    service.launch()
    try:
        service.await_ready()
        with redis.Redis(host=LOOPBACK, port=port) as client:
            yield client
    finally:
        service.process.stop()


@pytest.mark.parametrize("batch", [1, BATCH])
def test_the_consumer_with_redis_decides_as_the_stages_do(server: redis.Redis, batch: int) -> None:
    records, now_ms = sent()
    decide = in_memory(server, "test", batched=batch > 1)
    batches = [records[start : start + batch] for start in range(0, len(records), batch)]
    assert decided([one for each in batches for one in decide(each, now_ms)]) == by_the_stages()


def test_a_restarted_consumer_continues_from_redis(server: redis.Redis) -> None:
    records, now_ms = sent()
    half = len(records) // 2
    values = [
        one for part in (records[:half], records[half:]) for one in in_memory(server, "t", batched=True)(part, now_ms)
    ]
    assert decided(values) == by_the_stages()
