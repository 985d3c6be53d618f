"""Traffic and rules of the scale experiment."""

from __future__ import annotations

import msgspec

from apps.bench.micro.rules import cost_of_rules, generated_rules
from apps.bench.uniform_traffic import UniformTraffic
from flink_jobs.wiring import SHIPPED_MODEL
from udfs.features.catalogue import FEATURE_NAMES
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction
from udfs.rules import load_rules

NOW_MS = 1_764_000_000_000


def test_each_user_pays_once_and_then_random_users() -> None:
    traffic = UniformTraffic(users=300, payments=800, now_ms=NOW_MS)
    first = [record.key for record in traffic.each_user_once()]
    assert len(first) == len(set(first)) == 300
    assert len(list(traffic.random_users(500))) == 500


def test_uniform_traffic_is_accepted_and_ends_now() -> None:
    traffic = UniformTraffic(users=300, payments=800, now_ms=NOW_MS)
    records = [*traffic.each_user_once(), *traffic.random_users(500)]
    for record in records:
        assert not isinstance(decode_transaction(record.value, record.key, NOW_MS, Limits()), Refusal)
    times = [record.time for record in records]
    assert times == sorted(times)
    assert abs(times[-1] - NOW_MS) < 10_000
    names = [msgspec.json.decode(record.value)["transaction_id"] for record in records]
    assert len(set(names)) == len(names)


def test_generated_rules_are_valid_and_the_same_every_time() -> None:
    assert generated_rules(50) == generated_rules(50)
    assert len(load_rules(generated_rules(50), FEATURE_NAMES).rules) == 50


def test_the_cost_of_rules_is_measured_for_each_number_of_them() -> None:
    found = cost_of_rules([1, 5], SHIPPED_MODEL, warm=1, measured=2)
    assert [count for count, _ in found] == [1, 5]
    assert all(cost > 0 for _, cost in found)
