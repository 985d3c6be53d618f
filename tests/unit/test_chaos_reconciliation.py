"""The account of a disturbed run tells of everything that can go wrong with a payment or an alert."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.chaos.reconciliation import Decided, Reconciliation, reconcile


def outcome(amount: float = 1.0, merchants: float | None = 2.0, *, late: bool = False) -> dict[str, Any]:
    return {
        "features": {"user_amount_sum_1h": amount, "merchant_transaction_count_1h": merchants},
        "late": late,
        "rules": [],
        "patterns": [],
    }


SENT = ["a", "b", "c"]
QUIET = {name: outcome() for name in SENT}


def decided(name: str, *, alert: bool = False, found: dict[str, Any] | None = None) -> Decided:
    return Decided(name, alert, outcome() if found is None else found)


EACH_ONCE = [decided("a"), decided("b"), decided("c", alert=True)]


def drawn_up(decisions: list[Decided], alerts: list[str], only: str = "") -> Reconciliation:
    return reconcile(SENT, decisions, alerts, QUIET, only)


def test_nothing_is_wrong_when_each_payment_is_decided_and_each_alert_comes_once() -> None:
    found = drawn_up(EACH_ONCE, ["c"])
    assert (found.sent, found.decided, found.committed, found.compared) == (3, 3, 1, 3)
    assert found.faults == []


def test_a_payment_without_a_decision_is_lost() -> None:
    found = drawn_up(EACH_ONCE[1:], ["c"])
    assert found.lost == ("a",)
    assert found.faults == ["1 transactions lost, a the first"]


def test_a_decision_of_a_payment_that_nobody_sent_is_told() -> None:
    assert drawn_up([*EACH_ONCE, decided("z")], ["c"]).unknown == ("z",)


def test_a_payment_decided_again_is_counted_and_is_no_fault() -> None:
    found = drawn_up([*EACH_ONCE, decided("a"), decided("a")], ["c"])
    assert found.decided_again == 2
    assert found.faults == []


def test_an_alert_that_comes_twice_is_doubled() -> None:
    found = drawn_up(EACH_ONCE, ["c", "c"])
    assert found.doubled == ("c",)
    assert found.faults == ["1 alerts doubled, c the first"]


def test_an_alert_that_does_not_come_is_lost() -> None:
    assert drawn_up(EACH_ONCE, []).missing_alerts == ("c",)


def test_an_alert_that_no_decision_asks_for_is_told() -> None:
    assert drawn_up(EACH_ONCE, ["a", "c"]).unasked_alerts == ("a",)


@pytest.mark.parametrize("alerts", [[], ["a"]])
def test_of_two_decisions_that_do_not_agree_on_an_alert_either_may_be_committed(alerts: list[str]) -> None:
    found = drawn_up([*EACH_ONCE, decided("a", alert=True)], ["c", *alerts])
    assert found.changed == 1
    assert found.faults == []


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (outcome(amount=1.0000001), ("user_amount_sum_1h",)),
        (outcome(merchants=None), ("merchant_transaction_count_1h",)),
        (outcome(late=True), ("late",)),
        (outcome() | {"patterns": ["card_testing"]}, ("patterns",)),
        (outcome() | {"features": {}}, ("merchant_transaction_count_1h", "user_amount_sum_1h")),
    ],
)
def test_what_differs_from_a_quiet_run_is_named(wrong: dict[str, Any], names: tuple[str, ...]) -> None:
    found = drawn_up([decided("a", found=wrong), *EACH_ONCE[1:]], ["c"])
    assert found.differing == {"a": names}
    assert found.faults == [
        "1 transactions with other features than in a quiet run, a the first",
        f"what differs most: {', '.join(names)}",
    ]


def test_a_decision_that_says_it_knew_too_little_is_not_compared() -> None:
    degraded = Decided("a", alert=False, outcome=outcome(amount=9.0), degraded=True)
    found = drawn_up([degraded, *EACH_ONCE[1:]], ["c"])
    assert (found.compared, found.differing) == (2, {})


def test_the_last_decision_is_the_one_that_is_compared() -> None:
    first_wrong = [decided("a", found=outcome(amount=9.0)), *EACH_ONCE]
    assert drawn_up(first_wrong, ["c"]).differing == {}
    assert list(drawn_up(list(reversed(first_wrong)), ["c"]).differing) == ["a"]


def test_where_only_the_users_features_are_determined_the_others_may_differ() -> None:
    other = outcome(merchants=7.0) | {"rules": ["merchant_risk"]}
    assert drawn_up([decided("a", found=other), *EACH_ONCE[1:]], ["c"], only="user_").differing == {}
    users = outcome(amount=7.0)
    assert list(drawn_up([decided("a", found=users), *EACH_ONCE[1:]], ["c"], only="user_").differing) == ["a"]
