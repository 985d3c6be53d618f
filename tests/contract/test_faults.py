"""The contract of a fault, which every file in ``deploy/chaos/faults`` is held to as soon as it exists."""

from __future__ import annotations

import importlib
import pkgutil
import random
import re

import pytest

import deploy.chaos.faults
from apps.reference.order_free_traffic import OrderFreeTraffic
from deploy.chaos.fault import Fault, TrafficShape
from deploy.chaos.faults import FAULTS
from deploy.chaos.traffic import combine, next_round, poison_value
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction

START_MS = 1_767_225_600_000
NOW_MS = START_MS + 20 * 86_400_000
MAX_DURATION_S = 60.0

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


def test_every_file_of_a_fault_is_found_under_its_name() -> None:
    path, package = deploy.chaos.faults.__path__, "deploy.chaos.faults."
    modules = {module.name: importlib.import_module(package + module.name) for module in pkgutil.iter_modules(path)}
    assert {name.replace("_", "-"): module.FAULT for name, module in modules.items()} == {f.name: f for f in FAULTS}


def test_faults_come_in_the_order_of_their_phases() -> None:
    phases = [fault.phase for fault in FAULTS]
    assert phases == sorted(phases, key=["start", "any", "end"].index)


@each_fault
def test_a_fault_says_in_one_phrase_what_goes_wrong_and_is_soon_over(fault: Fault) -> None:
    assert re.fullmatch(r"[^A-Z.].{5,110}[^.]", fault.description)
    assert 0 <= fault.duration_s <= MAX_DURATION_S


@each_fault
def test_the_payments_of_a_fault_are_as_many_as_ever_and_each_is_read(fault: Fault) -> None:
    traffic = OrderFreeTraffic(START_MS, users=40, payments_per_round=400)
    records = next_round(traffic, fault.traffic, random.Random(1), NOW_MS)
    read = [decode_transaction(each.value, each.key, NOW_MS, Limits()) for each in records]
    assert len(records) == 400
    assert [each for each in read if isinstance(each, Refusal)] == []


def test_every_invalid_record_is_refused() -> None:
    rng, limits = random.Random(1), Limits()
    for _ in range(500):
        value = poison_value(rng, limits.record_bytes)
        assert isinstance(decode_transaction(value, b"poison of an experiment", NOW_MS, limits), Refusal)


def test_a_hot_key_has_its_share() -> None:
    traffic = OrderFreeTraffic(START_MS, users=40, payments_per_round=400)
    records = next_round(traffic, TrafficShape(hot_key_share=0.3), random.Random(1), NOW_MS)
    assert sum(each.key == b"user-0" for each in records) >= 120


def test_combined_shapes_have_the_largest_value_of_each_attribute() -> None:
    found = combine(
        [
            TrafficShape(rate_factor=10.0, hot_key_share=0.1),
            TrafficShape(hot_key_share=0.3, poison_per_payment=1.0),
        ]
    )
    assert found == TrafficShape(rate_factor=10.0, hot_key_share=0.3, poison_per_payment=1.0)
    assert combine([]) == TrafficShape()
