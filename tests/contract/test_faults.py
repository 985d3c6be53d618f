"""What every fault owes, whichever it is: found by looking, so a new file is held to it as well."""

from __future__ import annotations

import importlib
import pkgutil
import random
import re

import pytest

import deploy.chaos.faults
from apps.reference.order_free_traffic import OrderFreeTraffic
from deploy.chaos.fault import Fault, Traffic
from deploy.chaos.faults import FAULTS
from deploy.chaos.traffic import poison, together, wave
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal
from udfs.records.transaction import decode_transaction

START_MS = 1_767_225_600_000
NOW_MS = START_MS + 20 * 86_400_000
LONGEST_S = 60.0

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


def test_every_fault_that_is_written_is_registered_under_the_name_of_its_file() -> None:
    path, package = deploy.chaos.faults.__path__, "deploy.chaos.faults."
    modules = {module.name: importlib.import_module(package + module.name) for module in pkgutil.iter_modules(path)}
    assert {name.replace("_", "-"): module.FAULT for name, module in modules.items()} == {f.name: f for f in FAULTS}


@each_fault
def test_a_fault_says_what_it_does_in_one_phrase_and_is_soon_over(fault: Fault) -> None:
    assert re.fullmatch(r"[^A-Z.].{5,110}[^.]", fault.what)
    assert 0 <= fault.lasts_s <= LONGEST_S


@each_fault
def test_the_payments_of_a_fault_are_as_many_as_ever_and_each_is_read(fault: Fault) -> None:
    waves = OrderFreeTraffic(START_MS, users=40, payments_per_round=400)
    records = wave(waves, fault.traffic, random.Random(1), NOW_MS)
    read = [decode_transaction(each.value, each.key, NOW_MS, Limits()) for each in records]
    assert len(records) == 400
    assert [each for each in read if isinstance(each, Refusal)] == []


def test_every_poisonous_record_is_refused() -> None:
    rng, limits = random.Random(1), Limits()
    for _ in range(500):
        value = poison(rng, limits.record_bytes)
        assert isinstance(decode_transaction(value, b"poison of an act", NOW_MS, limits), Refusal)


def test_a_hot_key_has_its_share() -> None:
    records = wave(
        OrderFreeTraffic(START_MS, users=40, payments_per_round=400), Traffic(hot=0.3), random.Random(1), NOW_MS
    )
    assert sum(each.key == b"user-0" for each in records) >= 120


def test_of_peculiarities_that_come_together_the_greater_ones_hold() -> None:
    found = together([Traffic(burst=10.0, hot=0.1), Traffic(hot=0.3, poison=1.0)])
    assert found == Traffic(burst=10.0, hot=0.3, poison=1.0)
    assert together([]) == Traffic()
