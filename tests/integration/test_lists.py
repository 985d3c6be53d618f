"""Lists in the running job: by the command line, in force for the next payment, kept by a restart and a rescale."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from deploy.clients import topics
from deploy.stack.stack import Stack
from tests.integration.local_stack import LocalStack, await_true

pytestmark = pytest.mark.integration

WITHIN_S = 60.0
SUBTASKS = (2, 3)
ENTITIES = {
    "user": "user-1",
    "card": "card-1",
    "device": "device/1",
    "merchant": "merchant-1",
    "country": "FR",
    "network": "192.0.2.0/24",
}


@pytest.fixture
def job(stack: LocalStack) -> Iterator[LocalStack]:
    """A job in a namespace with a third TaskManager; both are removed at the end."""
    settings = stack.settings.model_copy(
        update={"stack": stack.settings.stack.model_copy(update={"task_managers": max(SUBTASKS)})}
    )
    third = Stack(settings).task_manager(max(SUBTASKS))
    third.launch()
    try:
        third.await_ready()
        namespaced = LocalStack(settings, Stack(settings), stack.rest).with_namespace(
            "lists", checkpoint_interval_ms=1_000, shards=4, device_shards=4, merchant_shards=4
        )
        yield namespaced
        namespaced.cancel_job()
    finally:
        third.process.stop()
        await_true(
            lambda: third.process.name not in stack.rest.task_managers(), WITHIN_S, "rid of the third TaskManager"
        )


def with_parallelism(job: LocalStack, parallelism: int) -> LocalStack:
    """The same job with another number of subtasks."""
    job_settings = job.settings.job.model_copy(update={"parallelism": parallelism})
    settings = job.settings.model_copy(update={"job": job_settings})
    return replace(job, settings=settings, stack=Stack(settings))


class Customer:
    """Pays, and reads the decisions."""

    def __init__(self, job: LocalStack) -> None:
        self._job = job
        self._paid = 0

    def pay(self, **fields: Any) -> dict[str, Any]:
        """Pay as nobody else does, but for the fields, and return the decision."""
        self._paid += 1
        number = self._paid + 100
        payment: dict[str, Any] = {
            "transaction_id": f"t{number}",
            "user_id": f"user-{number}",
            "amount": 12.0,
            "currency": "EUR",
            "merchant_id": f"merchant-{number}",
            "timestamp": round(time.time() * 1000),
            "card_id": f"card-{number}",
            "device": {"id": f"device-{number}", "ip": "203.0.113.9"},
            "location": {"country": "AT"},
        } | fields
        names = self._job.settings.kafka.topics
        self._job.produce(names.transactions, [(payment["user_id"].encode(), json.dumps(payment).encode())])
        await_true(lambda: topics.records(self._job.settings, names.decisions) >= self._paid, WITHIN_S, "decided")
        read = [json.loads(message.value() or b"") for message in self._job.read(names.decisions)]
        (decision,) = [each for each in read if each["transaction_id"] == f"t{number}"]
        return dict(decision)

    def pay_by(self, entity: str) -> dict[str, Any]:
        """Pay by the listed entity of a kind."""
        fields: dict[str, dict[str, Any]] = {
            "user": {"user_id": ENTITIES["user"]},
            "card": {"card_id": ENTITIES["card"]},
            "device": {"device": {"id": ENTITIES["device"]}},
            "merchant": {"merchant_id": ENTITIES["merchant"]},
            "country": {"location": {"country": ENTITIES["country"]}},
            "network": {"device": {"id": "other", "ip": "192.0.2.9"}},
        }
        return self.pay(**fields[entity])


def blocked(customer: Customer) -> dict[str, list[str]]:
    """The lists of a payment by each entity, of those that are blocked for it."""
    decisions = {entity: customer.pay_by(entity) for entity in ENTITIES}
    return {entity: each["lists"] for entity, each in decisions.items() if each["action"] == "block"}


def refused(job: LocalStack) -> dict[str, int]:
    """Number of dead letters by reason."""
    return {each["reason"]: each["records"] for each in json.loads(job.sentinel("dead-letters", "--json"))["counts"]}


def test_the_next_payment_is_decided_by_the_lists_also_after_a_restart_and_a_rescale(job: LocalStack) -> None:
    customer = Customer(job)
    job.sentinel("submit")
    assert blocked(customer) == {}
    for entity, entity_id in ENTITIES.items():
        job.sentinel("lists", "add", "block", entity, entity_id, "--reason", "a test")
    every = {entity: [f"block:{entity}"] for entity in ENTITIES}
    assert blocked(customer) == every

    job.sentinel("stop")
    rescaled = with_parallelism(job, max(SUBTASKS))
    rescaled.sentinel("restore")
    assert blocked(customer) == every

    # The user is allowed and blocked: a block wins. A blocked country has an exception for a user.
    rescaled.sentinel("lists", "add", "allow", "user", ENTITIES["user"], "--reason", "an exception")
    assert customer.pay_by("user")["action"] == "block"
    abroad = customer.pay(user_id="user-2", location={"country": "FR"})
    assert abroad["action"] == "block"
    rescaled.sentinel("lists", "add", "allow", "user", "user-2", "--reason", "travels")
    abroad = customer.pay(user_id="user-2", location={"country": "FR"})
    assert (abroad["action"], abroad["lists"]) == ("approve", ["allow:user", "block:country"])

    # An entry that has ended, one that was removed, and a refused record.
    ended = json.loads(
        rescaled.sentinel(
            *("lists", "add", "block", "device", "device-2", "--reason", "for a moment", "--days", "0.0001", "--json")
        )
    )
    end = int(ended["record"]["until"])
    assert customer.pay(device={"id": "device-2"}, timestamp=end - 1)["action"] == "block"
    assert customer.pay(device={"id": "device-2"}, timestamp=end)["action"] == "approve"
    rescaled.sentinel("lists", "remove", "block", "merchant", ENTITIES["merchant"], "--reason", "found")
    rescaled.produce(rescaled.settings.kafka.topics.lists, [(b"user/block/user-1", b"{"), (b"country/block/FR", b"{")])
    assert customer.pay_by("merchant")["action"] == "approve"
    await_true(lambda: sum(refused(rescaled).values()) >= 2, WITHIN_S, "two dead letters")
    assert refused(rescaled) == {"list_entry_invalid": 2}
    assert blocked(customer) == {
        entity: lists for entity, lists in every.items() if entity not in ("merchant", "user")
    } | {"user": ["allow:user", "block:user"]}
    shown = [json.loads(line) for line in rescaled.sentinel("lists", "show", "--list", "block", "--json").splitlines()]
    assert {(each["entity"], each["id"]) for each in shown} == set(ENTITIES.items()) - {
        ("merchant", ENTITIES["merchant"])
    }
