"""A TaskManager killed under load, then a stop with savepoint and a restore: nothing lost, no alert doubled."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from apps.simulator.simulator import Options, Simulator
from deploy import topics
from tests.integration.local_stack import LocalStack, await_true
from udfs.names import Topic

pytestmark = pytest.mark.integration

TRANSACTIONS = 60_000
WITHIN_S = 240.0


@pytest.fixture
def job(stack: LocalStack) -> Iterator[LocalStack]:
    """Topics of its own, and no job at the end."""
    own = stack.with_own_topics("failures", checkpoint_interval_ms=2_000)
    yield own
    own.cancel_job()


def send_backlog(job: LocalStack) -> set[str]:
    """A day and a half of simulated traffic; the ids of its transactions."""
    simulator = Simulator(Options(seed=11, rate=0.5, users=5_000, fraud_rate=0.1))
    sent: set[str] = set()
    records = []
    while len(sent) < TRANSACTIONS:
        for record in simulator.block(2_000):
            if record.topic == Topic.TRANSACTIONS:
                records.append((record.key, record.value))
                sent.add(json.loads(record.value)["transaction_id"])
    job.produce(job.settings.kafka.topics.transactions, records)
    return sent


def decided(job: LocalStack) -> int:
    return topics.records(job.settings, job.settings.kafka.topics.decisions)


def scores_by_transaction(job: LocalStack) -> dict[str, list[tuple[float, str]]]:
    found: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for message in job.read(job.settings.kafka.topics.decisions):
        decision = json.loads(message.value() or b"")
        found[decision["transaction_id"]].append((decision["score"], decision["action"]))
    return found


def test_alerts_come_exactly_once_and_every_transaction_is_decided_through_a_killed_task_manager_and_a_restore(
    job: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = send_backlog(job)
    job.sentinel("submit")
    victim = job.stack.task_manager(1)
    await_true(lambda: decided(job) > TRANSACTIONS // 10, WITHIN_S, "a tenth decided")
    job.await_checkpoints(1)

    victim.component.kill()
    victim.launch()
    victim.await_ready()

    restored = job.job().id
    await_true(lambda: job.rest.checkpoints(restored).restored > 0, WITHIN_S, "restored from the checkpoint")
    reached = decided(job)
    await_true(lambda: decided(job) > reached, WITHIN_S, "deciding again")

    stopped = job.sentinel("stop")
    assert re.search(r"savepoint: \S+", stopped)
    assert "restored from" in job.sentinel("restore", "latest")

    await_true(lambda: decided(job) >= len(sent), WITHIN_S, "all decided")
    await_true(lambda: len(scores_by_transaction(job)) == len(sent), WITHIN_S, "a decision for each")
    job.await_checkpoints(2)
    decisions = scores_by_transaction(job)
    alerts = Counter(
        json.loads(message.value() or b"")["transaction_id"] for message in job.read(job.settings.kafka.topics.alerts)
    )
    threshold = job.settings.decision.alert
    always = {name for name, each in decisions.items() if all(score >= threshold for score, _ in each)}
    ever = {name for name, each in decisions.items() if any(score >= threshold for score, _ in each)}
    repeated = sum(len(each) - 1 for each in decisions.values())
    differing = sum(len({action for _, action in each}) > 1 for each in decisions.values())
    with capsys.disabled():
        counts = f"{len(sent)} sent, {repeated} decided again, {differing} of them with another action"
        sys.stdout.write(f"\n{counts}, {len(alerts)} alerts\n")
    assert decisions.keys() == sent
    assert [name for name, count in alerts.items() if count > 1] == [], "an alert came twice"
    assert always <= alerts.keys(), "an alert is lost"
    assert alerts.keys() <= ever, "an alert without a decision that asks for one"
    assert alerts
