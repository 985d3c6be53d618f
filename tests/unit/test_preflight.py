"""Nothing is submitted before Kafka was asked: a job with a wrong address would run, and read nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deploy.clients import kafka_clients
from deploy.clients.flink_rest import FlinkRest
from deploy.errors import OperationError
from deploy.job import preflight, submission
from flink_jobs.settings import Settings

NOWHERE = Settings.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:1"}})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_clients, "TIMEOUT_S", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_job_with_a_wrong_address_is_not_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlinkRest, "running", lambda *_: pytest.fail("Flink is asked after Kafka"))
    with pytest.raises(OperationError, match=r"no Kafka answers at 127.0.0.1:1: .*correct kafka.bootstrap_servers"):
        submission.submit(NOWHERE)


@pytest.mark.usefixtures("impatient")
def test_submit_and_restore_ask_for_the_topics_at_that_address() -> None:
    with pytest.raises(OperationError, match="no Kafka answers at"):
        preflight.check_topics(NOWHERE)


def test_topics_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Settings().kafka.topics
    existing = dict.fromkeys(set(names.model_dump().values()) - {names.labels})
    client = SimpleNamespace(list_topics=lambda **_: SimpleNamespace(topics=existing))
    monkeypatch.setattr(kafka_clients, "admin", lambda _: client)
    with pytest.raises(OperationError, match=r"has no topic labels: create the topics with `sentinel topics`"):
        preflight.check_topics(Settings())


def test_java_properties_that_the_command_line_cannot_use_are_named_without_their_value() -> None:
    secret = Settings.model_validate({"kafka": {"properties": {"sasl.jaas.config": 'required password="planted-1";'}}})
    with pytest.raises(OperationError, match=r"kafka\.librdkafka_properties") as caught:
        kafka_clients.admin(secret)
    assert "planted-1" not in str(caught.value)
