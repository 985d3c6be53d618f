"""A job rescaled from two subtasks to three and back, by savepoints, computes the same as one process.

Each decision is compared with that of ``udfs.pipeline.Pipeline``, which takes the same records one at a time and is
never stopped: all features to the last bit, lateness, rules and patterns. Scores are not compared: the model is a
function of the features and tested elsewhere. A running job takes records of different users in any order; the traffic
is made so that the result does not depend on it (``apps/reference/order_free_traffic.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from apps.reference.golden_run import comparable_fields, golden_decisions
from apps.reference.order_free_traffic import OrderFreeTraffic, TrafficRecord, count_transactions
from deploy.clients import topics
from deploy.stack.stack import Stack
from flink_jobs.settings import DecisionSettings
from state.kernel.times import HOUR_MS
from tests.integration.local_stack import LocalStack, await_true
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import Kind

pytestmark = pytest.mark.integration

WITHIN_S = 60.0
DAYS_BACK = 20
SUBTASKS = (2, 3, 2)
USERS = 12


@pytest.fixture
def job(stack: LocalStack) -> Iterator[LocalStack]:
    """A job in a namespace with a third TaskManager and features in every decision; both are removed at the end."""
    settings = stack.settings.model_copy(
        update={
            "decision": DecisionSettings(sampled_features=1.0),
            "stack": stack.settings.stack.model_copy(update={"task_managers": max(SUBTASKS)}),
        }
    )
    third = Stack(settings).task_manager(max(SUBTASKS))
    third.launch()
    try:
        third.await_ready()
        namespaced = LocalStack(settings, Stack(settings), stack.rest)
        namespaced = namespaced.with_namespace(
            "rescale", checkpoint_interval_ms=1_000, shards=4, device_shards=4, merchant_shards=4
        )
        yield namespaced
        namespaced.cancel_job()
    finally:
        third.process.stop()
        await_true(
            lambda: third.process.name not in stack.rest.task_managers(), WITHIN_S, "rid of the third TaskManager"
        )


@dataclass
class Sender:
    """Sends rounds of records to the job, and keeps all of them in order."""

    job: LocalStack
    sent: list[TrafficRecord]
    to_decide: int = 0

    def send(self, records: Sequence[TrafficRecord]) -> None:
        for kind in (Kind.TRANSACTION, Kind.LABEL, Kind.ACCOUNT_EVENT):
            of_kind = [(record.key, record.value) for record in records if record.kind == kind]
            if of_kind:
                self.job.produce(self.job.settings.kafka.topics.of_kind(kind), of_kind)
        self.sent += records
        self.to_decide += count_transactions(records)

    def await_decided(self) -> None:
        """Wait until everything sent is decided, and so part of every profile."""
        decisions = self.job.settings.kafka.topics.decisions
        await_true(lambda: topics.records(self.job.settings, decisions) >= self.to_decide, WITHIN_S, "all decided")

    def send_labels_and_account_events(self, records: Sequence[TrafficRecord]) -> None:
        """Send records that yield no decision, and wait for the second checkpoint, which holds them."""
        self.send(records)
        self.job.await_checkpoints(2, WITHIN_S)


def with_parallelism(job: LocalStack, parallelism: int) -> LocalStack:
    """The same job with another number of subtasks."""
    job_settings = job.settings.job.model_copy(update={"parallelism": parallelism})
    settings = job.settings.model_copy(update={"job": job_settings})
    return replace(job, settings=settings, stack=Stack(settings))


def subtasks(job: LocalStack) -> dict[str, int]:
    """Number of subtasks of each stage."""
    vertices = job.job().vertices
    stages = ("user stage", "device stage", "merchant stage")
    return {stage: vertex.parallelism for stage in stages for vertex in vertices if stage in vertex.name}


def decided(job: LocalStack) -> dict[str, dict[str, Any]]:
    """The compared fields of each decision, by transaction; fails if one was decided twice."""
    read = [json.loads(message.value() or b"") for message in job.read(job.settings.kafka.topics.decisions)]
    found = {each["transaction_id"]: comparable_fields(each) for each in read}
    assert len(found) == len(read), "a transaction was decided twice"
    return found


def test_a_job_rescaled_from_two_subtasks_to_three_and_back_computes_what_one_process_does(job: LocalStack) -> None:
    sender = Sender(job, [])
    # A shard's stream time follows a jump after 16 to 24 payments; each user may be alone in its shard.
    traffic = OrderFreeTraffic(
        round(time.time() * 1000) - DAYS_BACK * 24 * HOUR_MS, users=USERS, payments_per_round=32 * USERS
    )
    for run, parallelism in enumerate(SUBTASKS):
        rescaled = with_parallelism(job, parallelism)
        rescaled.sentinel("restore" if run else "submit")
        assert set(subtasks(rescaled).values()) == {parallelism}
        sender.await_decided()  # records that were in flight when the job stopped
        for _ in range(2):
            sender.send(traffic.ordinary_round())
            sender.await_decided()
        sender.send_labels_and_account_events(traffic.labels_and_account_events())
        sender.send(traffic.late_round())
        sender.await_decided()
        sender.send(traffic.ordinary_round())
        if run < len(SUBTASKS) - 1:
            rescaled.sentinel("stop")
    sender.await_decided()

    expected, found = golden_decisions(sender.sent, round(time.time() * 1000)), decided(job)

    assert found.keys() == expected.keys()
    differing = {
        name: {
            feature: (value, found[name]["features"][feature])
            for feature, value in expected[name]["features"].items()
            if value != found[name]["features"][feature]
        }
        for name in expected
        if expected[name]["features"] != found[name]["features"]
    }
    assert differing == {}
    assert found == expected
    # The comparison says little unless the traffic exercises every feature, lateness and patterns.
    never = set(FEATURE_NAMES) - {
        name for each in expected.values() for name, value in each["features"].items() if value
    }
    assert never == set()
    assert any(each["late"] for each in expected.values())
    assert any(each["patterns"] for each in expected.values())
