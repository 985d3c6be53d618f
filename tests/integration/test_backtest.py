"""A backtest and the job agree: the same payments through a real stack, and through ``sentinel backtest``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from apps.backtest.agreement import DecisionComparison
from apps.backtest.backtest import SUBTASKS, run_backtest
from apps.backtest.policy import SHIPPED, PolicyDocuments, read_patterns, read_rules
from apps.backtest.source import InputRecord, Truth, cut, simulated_records
from apps.backtest.subtask import SubtaskOptions
from apps.backtest.topics import recorded_decisions
from apps.simulator.simulator import SimulatorOptions
from deploy.clients import topics
from deploy.clients.kafka_clients import client_properties
from deploy.clients.namespace import with_namespace
from deploy.job.in_force import SHIPPED_MODEL
from deploy.stack.stack import Stack
from state.kernel.times import DAY_MS
from tests.integration.local_stack import LocalStack
from udfs.names import Kind

pytestmark = pytest.mark.integration

WITHIN_S = 120.0
SETTLED_S = 1.0
"""How long the job needs at most to take a label that nothing else waits for."""


def traffic() -> list[InputRecord]:
    """Simulated payments with devices, account events, labels and attacks."""
    options = SimulatorOptions(
        seed=9, users=400, merchants=80, rate=0.01, fraud_rate=0.1, label_delay_ms=(DAY_MS, 3 * DAY_MS)
    )
    return list(simulated_records(options, 3_000))


@pytest.fixture(scope="module")
def job(stack: LocalStack) -> Iterator[tuple[LocalStack, list[InputRecord]]]:
    """The job with one subtask, one partition of each topic, and the traffic decided."""
    settings = with_namespace(stack.settings, "backtest", parallelism=1, checkpoint_interval_ms=1_000)
    kafka = settings.kafka.model_copy(update={"partitions": 1})
    settings = settings.model_copy(update={"kafka": kafka})
    topics.ensure(settings)
    one = LocalStack(settings, Stack(settings), stack.rest)
    one.sentinel("submit")
    records = traffic()
    send(one, records)
    yield one, records
    one.cancel_job()


def send(job: LocalStack, records: Sequence[InputRecord]) -> None:
    """Send what happens between payments, then the payments that follow, and so on.

    Records of different topics have no order in the job: so the rest waits until payments before it are decided, and
    payments wait until the rest is taken.
    """
    names, decided = job.settings.kafka.topics, 0
    for topic, group in groupby(rounds(records), key=lambda record: names.of_kind(Kind(record.envelope.kind))):
        batch = [(record.envelope.key, record.envelope.value) for record in group]
        job.produce(topic, batch)
        if topic == names.transactions:
            decided += len(batch)
            job.await_records(names.decisions, decided, WITHIN_S)
        else:
            time.sleep(SETTLED_S)


def rounds(records: Sequence[InputRecord], size: int = 600) -> list[InputRecord]:
    """Records in rounds of some payments: account events and labels of a round come before its payments."""
    order = {Kind.ACCOUNT_EVENT: 0, Kind.LABEL: 1, Kind.TRANSACTION: 2}
    found: list[InputRecord] = []
    for start in range(0, len(records), size):
        found += sorted(records[start : start + size], key=lambda record: order[Kind(record.envelope.kind)])
    return found


def test_a_backtest_from_topics_decides_as_the_job_did_in_every_field(
    job: tuple[LocalStack, list[InputRecord]],
) -> None:
    stack, records = job
    payments = sum(record.envelope.kind == Kind.TRANSACTION for record in records)
    agreement = json.loads(stack.sentinel("backtest", "--from-topics", "--processes", "2", "--json"))["agreement"]
    assert agreement["fields"] == {}, agreement["examples"]
    assert agreement["compared"] == agreement["equal"] == payments
    assert agreement["not_recorded"] == 0


def test_a_backtest_of_the_same_records_in_memory_decides_as_the_job_did(
    job: tuple[LocalStack, list[InputRecord]],
) -> None:
    stack, records = job
    policy = PolicyDocuments(name="shipped", rules=read_rules(SHIPPED), patterns=read_patterns(SHIPPED))
    options = SubtaskOptions(
        policies=[policy], model=SHIPPED_MODEL, subtasks=SUBTASKS, ablate=False, keep_decisions=True
    )
    comparison = DecisionComparison(
        recorded_decisions(client_properties(stack.settings), stack.settings.kafka.topics.decisions)
    )
    truth = Truth()
    batches = cut(rounds(records), options.shards, SUBTASKS, truth, size=1_000)
    result = run_backtest(batches, truth, options, on_outcome=lambda outcome: comparison.add(outcome.decisions))
    assert comparison.agreement.fields == {}, comparison.agreement.examples
    assert comparison.agreement.equal == result.payments


def test_other_rules_are_compared_on_recorded_payments(
    job: tuple[LocalStack, list[InputRecord]], tmp_path: Path
) -> None:
    stack, records = job
    rules = tmp_path / "strict.yaml"
    rules.write_text("version: 9\nrules:\n  - {id: any, reason: RULE_ANY, when: amount > 0, action: block}\n")
    output = stack.sentinel("backtest", "--from-topics", "--rules", str(rules), "--against", SHIPPED, "--json")
    tried, compared = json.loads(output)["policies"]
    assert tried["name"] == "strict"
    assert tried["actions"]["block"] == sum(record.envelope.kind == Kind.TRANSACTION for record in records)
    assert compared["actions"]["approve"] > compared["actions"]["block"]
