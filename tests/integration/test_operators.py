"""Operators are told the truth, and secrets stay secret, on the running stack."""

from __future__ import annotations

import json
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from deploy.clients import consumer_lag, kafka_clients
from deploy.console import shown_bytes
from deploy.job import in_force, savepoints
from tests.integration.local_stack import LocalStack, await_true
from tests.records import PAYMENT, json_of

pytestmark = pytest.mark.integration

SECRET = "planted-3c9e71"
LOGIN_MODULE = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.plain.PlainLoginModule"
JAAS = f'{LOGIN_MODULE} required username="job" password="{SECRET}";'


@pytest.fixture(scope="module")
def planted(stack: LocalStack) -> Iterator[LocalStack]:
    """A running job in whose settings a secret is planted; the broker needs none, so the clients ignore it."""
    found = stack.with_namespace("operators", shards=4, device_shards=4, merchant_shards=4)
    kafka = found.settings.kafka.model_copy(
        update={"properties": {"sasl.jaas.config": JAAS}, "librdkafka_properties": {"sasl.password": SECRET}}
    )
    redis_url = f"redis://:{SECRET}@127.0.0.1:{found.settings.stack.redis_port}/0"
    settings = found.settings.model_copy(update={"kafka": kafka, "redis_url": redis_url})
    running = LocalStack(settings, stack.stack, stack.rest)
    output = running.sentinel("submit")
    assert "in force: model lightgbm-" in output
    yield running
    running.cancel_job()


def pay(stack: LocalStack, first: int, count: int) -> None:
    topic = stack.settings.kafka.topics.transactions
    stack.produce(topic, [payment(first + number) for number in range(count)])


def payment(number: int) -> tuple[bytes, bytes]:
    user = f"user-{number}"
    fields = {"transaction_id": f"t-{number}", "user_id": user, "timestamp": round(time.time() * 1000) - 1000}
    return user.encode(), json_of(PAYMENT, fields)


def answers(stack: LocalStack) -> Iterator[tuple[str, str]]:
    """Every answer of Flink's REST API that says something about jobs, processes or logs."""
    url, job = stack.rest.url, stack.job().id
    paths = [
        *("/config", "/jobs", "/jobs/overview", "/jobmanager/config", "/jobmanager/environment", "/jobmanager/log"),
        *("/jobmanager/stdout", "/jobmanager/logs", "/taskmanagers", "/overview"),
        *(f"/jobs/{job}{rest}" for rest in ("", "/config", "/plan", "/exceptions", "/checkpoints")),
        *(f"/jobs/{job}{rest}" for rest in ("/checkpoints/config", "/jobmanager/config", "/accumulators")),
        *(f"/jobs/{job}/vertices/{vertex.id}" for vertex in stack.job().vertices),
    ]
    for name in stack.rest.task_managers():
        paths += [f"/taskmanagers/{name}{rest}" for rest in ("", "/log", "/stdout", "/logs", "/thread-dump")]
    for path in paths:
        yield path, requests.get(url + path, timeout=10).text


def test_the_reason_for_a_refused_model_is_shown(stack: LocalStack, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(in_force.SHIPPED_MODEL, folder)
    text = (folder / "metadata.json").read_text()
    (folder / "metadata.json").write_text(re.sub(r'"feature_hash": "\w+"', '"feature_hash": "0000000000000000"', text))
    refused = stack.with_namespace("refused")
    model = refused.settings.model.model_copy(update={"folder": folder})
    refusing = LocalStack(refused.settings.model_copy(update={"model": model}), stack.stack, stack.rest)
    output = refusing.sentinel("submit", exit_codes=(1,))
    assert "the job was not submitted: " in output
    assert str(folder) in output
    assert "exits with code" not in output


def test_a_planted_secret_is_in_no_log_process_answer_or_savepoint(planted: LocalStack) -> None:
    outputs = [planted.sentinel(*command) for command in (("savepoint",), ("topics",), ("dead-letters", "--json"))]
    assert all(SECRET not in output for output in outputs)
    for path, answer in answers(planted):
        assert SECRET not in answer, path
    for managed in planted.stack.processes():
        process = managed.find()
        if process is not None:
            assert SECRET not in " ".join(process.cmdline())
            assert SECRET not in str(process.environ())
    assert all(SECRET not in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
    folder = planted.stack.folder
    holding = [file for file in files(folder) if holds_secret(file)]
    options = folder / f"{planted.settings.job.name}.yaml"  # of this test
    assert [file for file in holding if file != options and folder / "flink" / "tmp" not in file.parents] == []
    # Job graphs on their way to the TaskManagers hold the properties of Kafka's clients: nobody else may read them.
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 for file in holding if file.exists())
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


def holds_secret(file: Path) -> bool:
    try:
        return SECRET.encode() in file.read_bytes()
    except FileNotFoundError:  # Flink deletes old checkpoints meanwhile
        return False


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]


def transactions_lag(stack: LocalStack) -> consumer_lag.TopicLag:
    return consumer_lag.lag(stack.settings)[0]


def test_markers_of_transactions_are_not_lag(planted: LocalStack) -> None:
    producer = Producer(kafka_clients.client_properties(planted.settings) | {"transactional.id": "operators-sender"})
    producer.init_transactions()
    producer.begin_transaction()
    for number in range(1000, 1006):
        key, value = payment(number)
        producer.produce(planted.settings.kafka.topics.transactions, value, key)
    producer.commit_transaction()
    planted.await_records(planted.settings.kafka.topics.decisions, 6, within_s=60)
    await_true(lambda: transactions_lag(planted).behind == 0, 30, "lag of 0 after the markers")


def test_partitions_that_are_added_are_behind_until_they_are_read_within_seconds(planted: LocalStack) -> None:
    topic = planted.settings.kafka.topics.transactions
    before = len(planted.read(planted.settings.kafka.topics.decisions))
    client = kafka_clients.admin(planted.settings)
    kafka_clients.await_answer(client.create_partitions([NewPartitions(topic, 8)])[topic])
    await_true(lambda: len(kafka_clients.partitions(planted.settings, topic)) == 8, 30, "partitions added")
    pay(planted, 2000, 24)
    assert transactions_lag(planted).behind > 0
    planted.await_records(planted.settings.kafka.topics.decisions, before + 24, within_s=30)
    await_true(lambda: transactions_lag(planted).behind == 0, 30, "lag of 0 in new partitions")
    report = json.loads(planted.sentinel("status", "--json"))
    assert (report["state"], report["exit_code"]) == ("healthy", 0), shown_bytes(json.dumps(report).encode(), 4000)


def test_refused_records_with_markup_are_shown_and_do_not_double_with_each_replay(planted: LocalStack) -> None:
    names = planted.settings.kafka.topics
    wrong = [
        (b"user-7", json.dumps({"note": "[/promo] see [link=http://x.org]x[/link]", "number": number}).encode())
        for number in range(6)
    ]
    planted.produce(names.labels, wrong)
    planted.await_records(names.dead_letters, 6, within_s=60)
    shown = planted.sentinel("dead-letters")
    assert '{"note": "[/promo] see [link=http://x.org]x[/link]", "number": 0}' in shown
    for expected in (12, 18, 24):
        assert "6 dead letters replayed" in planted.sentinel("dead-letters", "replay", "--topic", names.labels)
        planted.await_records(names.dead_letters, expected, within_s=60)
    time.sleep(2)
    assert len(planted.read(names.dead_letters)) == 24


def test_restore_says_how_many_payments_are_gone(planted: LocalStack) -> None:
    topic, settings = planted.settings.kafka.topics.transactions, planted.settings
    planted.await_checkpoints(2)
    planted.sentinel("stop")
    offsets = savepoints.latest(settings).offsets[topic]
    pay(planted, 3000, 20)
    client = kafka_clients.admin(settings)
    ends = kafka_clients.end_offsets(client, topic, kafka_clients.partitions(settings, topic))
    missing_offsets = {number: end for number, end in ends.items() if number in offsets}
    requests_ = [TopicPartition(topic, number, end) for number, end in missing_offsets.items()]
    for future in client.delete_records(requests_).values():
        kafka_clients.await_answer(future)
    lost = sum(end - offsets[number] for number, end in missing_offsets.items())
    assert lost > 0
    assert f"lost: {lost} of {topic}" in planted.sentinel("restore")
    report = json.loads(planted.sentinel("status", "--json", exit_codes=(0, 1)))
    assert report["lost_before_start"] == {topic: lost}
