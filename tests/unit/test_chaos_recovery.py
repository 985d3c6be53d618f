"""Recovery is the time from a fault until decisions flow again, as one would read it off a plot."""

from __future__ import annotations

import pytest

from deploy.chaos.recovery import recovery_s, waits_s

RATE = 100
INJECTED_AT = 10.0


def sent_until(until: float = 40.0) -> dict[str, float]:
    """When each payment was sent, at a hundred a second."""
    return {str(number): number / RATE for number in range(round(until * RATE))}


def stopped(begin: float, end: float, sent: dict[str, float]) -> dict[str, list[float]]:
    """Decisions at once, but none between ``begin`` and ``end``, when all that are pending come."""
    return {name: [end if begin <= at < end else at + 0.05] for name, at in sent.items()}


@pytest.mark.parametrize("seconds", [2.0, 9.0, 25.0])
def test_it_is_counted_from_the_fault_to_the_first_decision_after_the_gap(seconds: float) -> None:
    sent = sent_until()
    found = recovery_s(INJECTED_AT, sent, stopped(INJECTED_AT, INJECTED_AT + seconds, sent))
    assert found == pytest.approx(seconds, abs=0.1)


def test_decisions_that_still_come_for_a_moment_after_the_fault_do_not_hide_the_gap() -> None:
    sent = sent_until()
    assert recovery_s(INJECTED_AT, sent, stopped(INJECTED_AT + 3, INJECTED_AT + 12, sent)) == pytest.approx(
        12.0, abs=0.1
    )


def test_a_single_decision_within_the_gap_is_no_recovery() -> None:
    sent = sent_until()
    decided = stopped(INJECTED_AT, INJECTED_AT + 12, sent)
    decided["1005"] = [INJECTED_AT + 6]
    assert recovery_s(INJECTED_AT, sent, decided) == pytest.approx(12.0, abs=0.1)


def test_it_is_nothing_when_decisions_never_stopped() -> None:
    sent = sent_until()
    assert recovery_s(INJECTED_AT, sent, {name: [at + 0.05] for name, at in sent.items()}) == 0.0


def test_the_end_of_the_load_is_no_gap() -> None:
    sent = sent_until(until=INJECTED_AT + 2)
    assert recovery_s(INJECTED_AT, sent, {name: [at + 0.05] for name, at in sent.items()}) == 0.0


def test_there_is_none_when_decisions_never_come_back() -> None:
    sent = sent_until()
    decided = {name: [at + 0.05] for name, at in sent.items() if at < INJECTED_AT}
    assert recovery_s(INJECTED_AT, sent, decided) is None


def test_a_wait_is_that_for_the_first_decision() -> None:
    assert waits_s({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": [9.0, 4.0], "b": [2.5]}) == [0.5, 3.0]


def test_where_decisions_stop_twice_the_second_time_counts() -> None:
    sent = sent_until()
    decided = stopped(INJECTED_AT, INJECTED_AT + 3, sent)
    decided |= {name: [INJECTED_AT + 20] for name, at in sent.items() if INJECTED_AT + 10 <= at < INJECTED_AT + 20}
    assert recovery_s(INJECTED_AT, sent, decided) == pytest.approx(20.0, abs=0.2)
