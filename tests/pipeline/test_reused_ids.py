"""A repeat is known by what it says: one id with another amount, merchant or time is refused and never dropped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.sent import NOW_MS, decide, memory, paid, pipeline, restarted
from udfs.names import Refused
from udfs.pipeline import Pipeline

OTHERS: tuple[dict[str, Any], ...] = (
    {"amount": 7500.0},
    {"amount": 9.01},
    {"merchant": "other-shop"},
    {"minute": 1.0},
)
each_other = pytest.mark.parametrize(
    "other", OTHERS, ids=[next(iter(other)) + str(n) for n, other in enumerate(OTHERS)]
)


def payment(**fields: Any) -> bytes:
    """A payment of 9 at noon."""
    return paid("000123", **({"amount": 9.0} | fields))


def outcome(one: Pipeline, *records: bytes) -> tuple[list[str], int, int]:
    """Reasons of refusal, the number of repeats, and the number of decisions."""
    taken, output = one.process(records, NOW_MS)
    reasons = [letter.refusal.reason.value for letter in taken.dead_letters]
    return reasons, taken.duplicates, len(output.decisions.decisions)


@each_other
def test_another_payment_under_a_taken_id_is_refused_in_the_same_batch_and_in_a_later_one(
    other: dict[str, Any],
) -> None:
    assert outcome(pipeline(), payment(), payment(**other)) == ([Refused.ID_REUSED], 0, 1)
    one = pipeline()
    decide(one, payment())
    before = memory(one)
    assert outcome(one, payment(**other)) == ([Refused.ID_REUSED], 0, 0)
    assert memory(one) == before
    assert outcome(restarted(one), payment(**other)) == ([Refused.ID_REUSED], 0, 0)


def test_a_repeat_is_dropped_and_counted_however_it_is_written() -> None:
    one = pipeline()
    assert outcome(one, payment(), payment(), payment(timestamp="2026-01-01t12:00:00z")) == ([], 2, 1)
    assert outcome(one, payment(merchant="shop "), payment(channel="web")) == ([], 2, 0)
    assert outcome(restarted(one), payment()) == ([], 1, 0)


def test_repeats_among_many_payments_of_one_millisecond_are_distinguished() -> None:
    one = pipeline()
    same_time = [paid(f"t{number}", 1.0 + number % 3) for number in range(30)]
    decide(one, *same_time)
    assert outcome(one, *same_time) == ([], 30, 0)
    assert outcome(one, paid("t7", 4.0)) == ([Refused.ID_REUSED], 0, 0)


def test_one_id_of_two_users_is_two_payments() -> None:
    assert outcome(pipeline(), payment(), payment(user="bob", amount=1.0)) == ([], 0, 2)
