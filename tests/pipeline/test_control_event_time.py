"""Each payment is decided by what was in force at its event time, however the input is cut into batches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, RULES, at, decide, paid, pipeline, record, restarted
from tests.pipeline.test_control import STRICT, refusals, rules
from udfs.decision import Decision
from udfs.names import Kind, Refused
from udfs.pipeline import Pipeline


def from_minute(kind: str, version: int, body: Any, minute: float, **more: Any) -> bytes:
    """A control record that holds from a minute on."""
    return record(
        Kind.CONTROL, {"kind": kind, "version": version, "body": body, "valid_from": at(minute), **more}, kind
    )


CHANGES = (
    from_minute("rules", 1, rules(11), 3),
    from_minute("thresholds", 1, STRICT, 5),
    from_minute("rules", 2, rules(22, "amount > 1000"), 7),
)
PAYMENTS = [paid(f"p{number}", 30.0, float(number), user=f"user-{number % 3}") for number in range(10)]


def reported(decision: Decision) -> tuple[Any, ...]:
    """What of a decision must not depend on how the input was cut."""
    versions = decision.versions
    return decision.transaction_id, decision.action, decision.score, decision.rules, versions.rules, versions.thresholds


def in_batches(one: Pipeline, cuts: list[int]) -> list[tuple[Any, ...]]:
    """Decide all payments, cut at these rows, after the changes."""
    one.process([], NOW_MS, CHANGES)
    edges = [0, *sorted(cuts), len(PAYMENTS)]
    found = []
    for start, end in pairwise(edges):
        found += decide(one, *PAYMENTS[start:end])
    return sorted(reported(decision) for decision in found)


def test_a_batch_on_both_sides_of_a_change_is_decided_by_both() -> None:
    found = in_batches(pipeline(), [])
    assert [(row[1] == "block", row[4], row[5]) for row in found] == [
        *[(False, RULES.version, 0)] * 3,
        *[(True, 11, 0)] * 2,
        *[(True, 11, 1)] * 2,
        *[(False, 22, 1)] * 3,
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(PAYMENTS)), max_size=6))
def test_the_same_decisions_however_the_input_is_cut(cuts: list[int]) -> None:
    assert in_batches(pipeline(), cuts) == in_batches(pipeline(), [])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, len(PAYMENTS)))
def test_a_restart_between_two_batches_changes_no_decision(moment: int) -> None:
    one = pipeline()
    one.process([], NOW_MS, CHANGES)
    found = [reported(decision) for decision in decide(one, *PAYMENTS[:moment])]
    found += [reported(decision) for decision in decide(restarted(one), *PAYMENTS[moment:])]
    assert sorted(found) == in_batches(pipeline(), [])


def test_a_late_payment_is_decided_by_what_was_in_force_at_its_time() -> None:
    one = pipeline()
    one.process([], NOW_MS, CHANGES)
    decide(one, *PAYMENTS)
    (late,) = decide(one, paid("late", 30.0, 4.0, user="other"))
    assert (late.late, late.versions.rules) == (True, 11)


def test_a_time_may_be_written_as_rfc_3339() -> None:
    one = pipeline()
    change = {"kind": "rules", "version": 1, "body": rules(11), "valid_from": "2999-01-01T00:00:00Z"}
    assert refusals(one, record(Kind.CONTROL, change, "rules")) == []
    (decision,) = decide(one, paid("a", 30.0))
    assert decision.versions.rules == RULES.version


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00", -1, 1.5, 10**18, "1969-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_refused(moment: object) -> None:
    change = {"kind": "rules", "version": 1, "body": rules(11), "valid_from": moment}
    ((reason, detail),) = refusals(pipeline(), record(Kind.CONTROL, change, "rules"))
    assert reason is Refused.CONTROL_INVALID
    assert "valid_from" in detail
