"""An alert is the decision and all that is needed to act on it."""

from __future__ import annotations

import json

from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, alert, at, controlled, decide, paid, pipeline, restarted
from udfs.features.catalogue import FEATURE_NAMES
from udfs.pipeline import Pipeline

OF_A_DECISION = {
    *("transaction_id", "user_id", "merchant_id", "action", "score", "level", "model", "rules", "patterns", "reasons"),
    *("shadow", "features", "versions", "event_time", "decided_at", "late", "ahead", "ignored", "degraded"),
    *("conversion", "lists"),
}
OF_AN_ALERT = {"alert_id", "severity", "recommended_action", "requires_action", "pattern_transactions"}


def card_testing(minute: float = 0.0) -> list[bytes]:
    """Three small payments from afar and a large one."""
    small = [paid(f"test{i}", 1.0, minute + i, card_present=False) for i in range(3)]
    return [*small, paid("cash-in", 480.0, minute + 10, card_present=False)]


def restrained(action: str) -> Pipeline:
    """A pipeline with one rule, of that action."""
    one = pipeline()
    rule = {"id": "one", "when": "amount > 20", "reason": "ONE", "action": action}
    decide(one, control=(controlled("rules", 1, {"version": 2, "rules": [rule]}),))
    return one


def test_an_alert_holds_everything_the_product_promises() -> None:
    _, output = pipeline().process(card_testing(), NOW_MS)
    (value,) = output.decisions.alerts
    assert json.loads(value).keys() >= OF_A_DECISION | OF_AN_ALERT


def test_card_testing_alerts_and_names_the_payments_of_the_attack() -> None:
    (raised,) = alert(pipeline(), *card_testing())
    assert raised.patterns == ["card_testing"]
    assert raised.pattern_transactions == ["test0", "test1", "test2", "cash-in"]
    assert (raised.action, raised.recommended_action, raised.requires_action) == ("challenge", "challenge", True)
    assert "PATTERN_CARD_TESTING" in raised.reasons
    assert (raised.severity, raised.event_time, raised.decided_at) == ("high", at(10), NOW_MS)


def test_an_alert_without_a_pattern_names_no_payments() -> None:
    (raised,) = alert(restrained("block"), paid("a", 30.0))
    assert (raised.pattern_transactions, raised.severity) == ([], "critical")


def test_an_alert_carries_every_feature_by_name_and_null_where_it_is_absent() -> None:
    (raised,) = alert(restrained("block"), paid("a", 30.0))
    assert list(raised.features) == list(FEATURE_NAMES)
    assert raised.features["amount"] == 30.0
    assert raised.features["user_transaction_gap"] is None


def test_an_alert_carries_the_payment_as_it_came_with_what_nobody_knows() -> None:
    (raised,) = alert(restrained("block"), paid("a", 30.0, loyalty={"points": [1, 2]}))
    assert json.loads(bytes(raised.transaction))["loyalty"] == {"points": [1, 2]}


def test_the_same_payment_has_the_same_alert_id_wherever_it_is_decided() -> None:
    (here,) = alert(pipeline(), *card_testing())
    (there,) = alert(pipeline(model=SuspectsLargeAmounts()), paid("cash-in", 480.0, 10))
    assert here.alert_id == there.alert_id
    assert len(here.alert_id) == 32


def test_alerts_of_different_payments_and_of_different_users_have_different_ids() -> None:
    payments = [paid("1", 30.0), paid("2", 30.0, 5), paid("1", 30.0, user="bob"), paid("e1", 30.0, user="alic")]
    assert len({raised.alert_id for raised in alert(restrained("block"), *payments)}) == 4


def test_a_payment_that_is_only_watched_makes_no_alert() -> None:
    one = restrained("monitor")
    _, output = one.process([paid("a", 30.0)], NOW_MS)
    assert (len(output.decisions.decisions), output.decisions.alerts) == (1, [])


def test_below_the_alert_threshold_nothing_is_asked_for_and_above_it_something_is() -> None:
    one = pipeline()
    low = {"block": 0.9, "challenge": 0.7, "monitor": 0.5, "alert": 0.0}
    decide(one, control=(controlled("thresholds", 1, low),))
    (raised,) = alert(one, paid("a", 30.0))
    assert (raised.recommended_action, raised.requires_action) == ("approve", False)


def test_alerts_go_under_their_users_key() -> None:
    _, output = restrained("block").process([paid("a", 30.0, user="bob")], NOW_MS)
    assert output.decisions.alert_keys == [b"bob"]


def test_an_attack_that_began_before_a_restart_is_found_after_it() -> None:
    one = pipeline()
    *tests, cash_in = card_testing()
    decide(one, *tests)
    (raised,) = alert(restarted(one), cash_in)
    assert raised.pattern_transactions == ["test0", "test1", "test2", "cash-in"]


def test_an_alert_on_a_converted_payment_has_both_amounts() -> None:
    (raised,) = alert(restrained("block"), paid("a", 12_000.0, currency="JPY"))
    assert raised.conversion is not None
    assert (raised.conversion.amount, raised.conversion.currency) == (12_000.0, "JPY")
    assert 50 < raised.amount < 100
    assert raised.features["amount"] == raised.amount
    assert json.loads(bytes(raised.transaction))["amount"] == 12_000.0
