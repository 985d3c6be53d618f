"""The reconciliation of a run under faults reports everything that can go wrong with a payment or an alert."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.chaos.reconciliation import Reconciliation, RecordedDecision, reconcile


def fields(amount: float = 1.0, merchants: float | None = 2.0, *, late: bool = False) -> dict[str, Any]:
    return {
        "features": {"user_amount_sum_1h": amount, "merchant_transaction_count_1h": merchants},
        "late": late,
        "rules": [],
        "patterns": [],
    }


SENT = ["a", "b", "c"]
GOLDEN = {name: fields() for name in SENT}


def decided(name: str, *, is_alert: bool = False, found: dict[str, Any] | None = None) -> RecordedDecision:
    return RecordedDecision(name, is_alert, fields() if found is None else found)


EACH_ONCE = [decided("a"), decided("b"), decided("c", is_alert=True)]


def reconciled(decisions: list[RecordedDecision], alerts: list[str], feature_prefix: str = "") -> Reconciliation:
    return reconcile(SENT, decisions, alerts, GOLDEN, feature_prefix)


def test_nothing_is_violated_when_each_payment_is_decided_and_each_alert_comes_once() -> None:
    found = reconciled(EACH_ONCE, ["c"])
    assert (found.sent, found.decided, found.alerts_committed, found.compared) == (3, 3, 1, 3)
    assert found.violations == []


def test_a_payment_without_a_decision_is_lost() -> None:
    found = reconciled(EACH_ONCE[1:], ["c"])
    assert found.lost == ("a",)
    assert found.violations == ["1 transactions lost, first a"]


def test_a_decision_on_a_payment_that_was_never_sent_is_unknown() -> None:
    assert reconciled([*EACH_ONCE, decided("z")], ["c"]).unknown == ("z",)


def test_a_payment_decided_again_is_counted_and_violates_nothing() -> None:
    found = reconciled([*EACH_ONCE, decided("a"), decided("a")], ["c"])
    assert found.repeated_decisions == 2
    assert found.violations == []


def test_an_alert_that_comes_twice_is_a_duplicate() -> None:
    found = reconciled(EACH_ONCE, ["c", "c"])
    assert found.duplicate_alerts == ("c",)
    assert found.violations == ["1 alerts duplicated, first c"]


def test_an_alert_that_does_not_come_is_lost() -> None:
    assert reconciled(EACH_ONCE, []).lost_alerts == ("c",)


def test_an_alert_that_no_decision_asks_for_is_unexpected() -> None:
    assert reconciled(EACH_ONCE, ["a", "c"]).unexpected_alerts == ("a",)


@pytest.mark.parametrize("alerts", [[], ["a"]])
def test_if_two_decisions_disagree_on_an_alert_it_may_be_committed_or_not(alerts: list[str]) -> None:
    found = reconciled([*EACH_ONCE, decided("a", is_alert=True)], ["c", *alerts])
    assert found.inconsistent == 1
    assert found.violations == []


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (fields(amount=1.0000001), ("user_amount_sum_1h",)),
        (fields(merchants=None), ("merchant_transaction_count_1h",)),
        (fields(late=True), ("late",)),
        (fields() | {"patterns": ["card_testing"]}, ("patterns",)),
        (fields() | {"features": {}}, ("merchant_transaction_count_1h", "user_amount_sum_1h")),
    ],
)
def test_each_difference_from_the_golden_run_is_named(wrong: dict[str, Any], names: tuple[str, ...]) -> None:
    found = reconciled([decided("a", found=wrong), *EACH_ONCE[1:]], ["c"])
    assert found.differing == {"a": names}
    assert found.violations == [
        "1 transactions with other features than in the golden run, first a",
        f"most often different: {', '.join(names)}",
    ]


def test_a_degraded_decision_is_not_compared() -> None:
    degraded = RecordedDecision("a", is_alert=False, fields=fields(amount=9.0), degraded=True)
    found = reconciled([degraded, *EACH_ONCE[1:]], ["c"])
    assert (found.compared, found.differing) == (2, {})


def test_the_last_decision_of_a_payment_is_compared() -> None:
    first_wrong = [decided("a", found=fields(amount=9.0)), *EACH_ONCE]
    assert reconciled(first_wrong, ["c"]).differing == {}
    assert list(reconciled(list(reversed(first_wrong)), ["c"]).differing) == ["a"]


def test_where_only_the_users_features_are_determined_the_others_may_differ() -> None:
    other = fields(merchants=7.0) | {"rules": ["merchant_risk"]}
    assert reconciled([decided("a", found=other), *EACH_ONCE[1:]], ["c"], feature_prefix="user_").differing == {}
    users = fields(amount=7.0)
    found = reconciled([decided("a", found=users), *EACH_ONCE[1:]], ["c"], feature_prefix="user_")
    assert list(found.differing) == ["a"]
