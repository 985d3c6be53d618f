"""The stack: real services that answer."""

from __future__ import annotations

import pytest
import redis

from deploy.clients import topics
from tests.integration.local_stack import LocalStack

pytestmark = pytest.mark.integration


def test_records_come_back_from_kafka_as_they_were_sent(stack: LocalStack) -> None:
    names = stack.with_namespace("echo").settings.kafka.topics
    sent = [(b"user-1", b"{}"), (None, b"\xff\x00"), (b"user-2", None), (b"", b"")]

    stack.produce(names.transactions, sent)

    received = stack.await_records(names.transactions, len(sent), within_s=30)
    assert sorted(map(repr, sent)) == sorted(repr((each.key(), each.value())) for each in received)


def test_redis_answers(stack: LocalStack) -> None:
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        client.set("blocked:user-1", "card testing")
        assert client.get("blocked:user-1") == b"card testing"


def test_every_task_manager_offers_one_slot(stack: LocalStack) -> None:
    assert sorted(stack.rest.task_managers()) == ["taskmanager-1", "taskmanager-2"]
    assert stack.rest.free_slots() == 2


def test_topics_agree_with_the_settings(stack: LocalStack) -> None:
    found = topics.ensure(stack.settings)
    assert [each.topic.name for each in found if each.created or each.differences] == []
    assert topics.retention_ms(stack.settings, stack.settings.kafka.topics.alerts) == 7 * 86_400_000


def test_new_topics_have_leaders_as_soon_as_they_are_created(stack: LocalStack) -> None:
    # About one client in ten sees a topic before it has leaders.
    for number in range(12):
        settings = stack.with_namespace(f"new-{number}").settings
        assert topics.records(settings, settings.kafka.topics.transactions) == 0
        topics.delete(settings)
