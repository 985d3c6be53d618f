"""Rules over fields of the payment, in the job's stages: texts, metadata, lists, first payments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.list_records import listed
from tests.pipeline.sent import decide, paid, pipeline
from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import RuleSet, default_rules, load_rules

GAMBLING = "merchant_category == 'gambling' and channel == 'web' and user_country_foreign == 1 and amount > 500"
ABROAD: dict[str, Any] = {"merchant_category": "gambling", "channel": "web", "location": {"country": "US"}}
AT_HOME: dict[str, Any] = {"location": {"country": "DE"}}


def rule_of(when: str, **more: Any) -> RuleSet:
    rule = {"id": "one", "when": when, "reason": "ONE", "add": 0.3, **more}
    return load_rules({"version": 1, "rules": [rule]}, FEATURE_NAMES)


def fires(when: str, amount: float = 600.0, *, user: str = "alice", **fields: Any) -> bool:
    """Whether a rule fires for a user's second payment; the first one is small and at home."""
    one = pipeline(rules=rule_of(when))
    decide(one, paid("t0", 5.0, user=user, **AT_HOME))
    (decision,) = decide(one, paid("t1", amount, 1, user=user, **fields))
    return decision.rules == ["one"]


def test_the_first_rule_of_a_bank_is_one_line() -> None:
    assert fires(GAMBLING, **ABROAD)
    assert not fires(GAMBLING, 500.0, **ABROAD)
    for name, value in {"merchant_category": "grocery", "channel": "pos", **AT_HOME}.items():
        assert not fires(GAMBLING, **{**ABROAD, name: value})


@pytest.mark.parametrize(
    ("when", "fields"),
    [
        ("channel == 'web'", {"channel": "E-Commerce"}),
        ("channel == 'Online'", {"channel": "web"}),
        ("channel == 'kiosk'", {"channel": " kiosk "}),
        ("country == 'deu'", {"location": {"country": "de"}}),
        ("country in ('FR', '276')", {"location": {"country": "DE"}}),
        ("country not in ('FR', 'AT')", {"location": {"country": "DE"}}),
        ("merchant_category == '5411'", {"merchant_category": "Grocery"}),
        ("currency == 'eur'", {}),
        ("city == 'Zu\u0308rich'", {"location": {"city": " Z\u00fcrich"}}),
        ("starts_with(city, 'Zu\u0308')", {"location": {"city": "Zu\u0308rich"}}),
        ("starts_with(merchant_id, 'sh') and not starts_with(merchant_id, 'shopping')", {}),
        ("device_id == 'd-1' and device_ip == '192.0.2.7'", {"device": {"id": "d-1", "ip": "192.0.2.7"}}),
        ("payment_method == 'card' and card_id != 'c-2'", {"payment_method": "CREDIT CARD", "card_id": "c-1"}),
        ("metadata.campaign == 'spring'", {"metadata": {"campaign": " spring"}}),
        ("metadata['a b'] == 'x' and metadata.score > 4.5", {"metadata": {"a b": "x", "score": "5"}}),
        ("metadata.tested == 1 and is_absent(metadata.more)", {"metadata": {"tested": True, "more": "N/A"}}),
        ("metadata.campaign in ('spring', 'summer')", {"metadata": {"campaign": "summer"}}),
        ("metadata.country == country", {"metadata": {"country": "DE"}, "location": {"country": "DEU"}}),
        ("is_absent(channel) and is_absent(metadata.x) and is_absent(device_id)", {}),
        ("declined == 1", {"metadata": {"declined": "yes"}}),
        ("latitude > 48 and longitude < 12", {"location": {"latitude": 48.1, "longitude": 11.6}}),
        ("event_time > 0", {}),
        # A field of another type is read, or left out; neither stops the job.
        ("merchant_category == 'grocery' and is_absent(channel)", {"merchant_category": 5411, "channel": {}}),
    ],
)
def test_fields_and_literals_are_compared_in_their_normal_form(when: str, fields: dict[str, Any]) -> None:
    assert fires(when, **fields)


@pytest.mark.parametrize(
    "when",
    [
        *("channel == 'web'", "channel != 'web'", "channel in ('web', 'pos')", "channel not in ('web', 'pos')"),
        *("metadata.x > 1", "metadata.x == 'a'", "metadata.x != 'a'", "starts_with(city, 'A')", "latitude <= 90"),
        *("channel == payment_method", "device_id != card_id"),
    ],
)
def test_a_comparison_with_an_absent_field_does_not_hold(when: str) -> None:
    assert not fires(when)
    assert fires(f"not ({when})")


def test_ids_in_any_script_are_compared() -> None:
    assert fires("user_id == '用户-1' and starts_with(user_id, '用')", user="用户-1")
    assert not fires("user_id == '用户-2'", user="用户-1")


def test_a_rule_tests_the_lists_that_a_payment_is_on() -> None:
    device: dict[str, Any] = {"device": {"id": "d-1"}}
    for entity, when, name in (
        ("user", "user_id", "alice"),
        ("merchant", "merchant_id", "shop"),
        ("device", "device_id", "d-1"),
    ):
        rules = rule_of(f"{when} in list('vip') and amount > 100")
        one = pipeline(rules=rules)
        found = decide(one, listed("vip", entity, name), paid("t1", 200.0, 1, **device), paid("t2", 50.0, 2, **device))
        assert [each.rules for each in found] == [["one"], []]
        (other,) = decide(pipeline(rules=rules), listed("other", entity, name), paid("t1", 200.0, 1, **device))
        assert other.rules == []


def test_a_payment_without_a_device_is_on_no_list_of_devices() -> None:
    assert fires("device_id not in list('vip')")
    assert not fires("device_id in list('vip')")


def test_the_default_rules_need_no_fields() -> None:
    assert list(default_rules(FEATURE_NAMES).fields) == []


def test_a_first_payment_of_a_high_amount_is_spoken_for_on_purpose() -> None:
    (first,) = decide(pipeline(), paid("t1", 1_500.0, merchant="shop"))
    assert "first_payment_high_amount" in first.rules
    assert "new_merchant_high_amount" not in first.rules, "its merchant is not new compared with others: there are none"
    one = pipeline()
    first, second = decide(one, paid("t1", 5.0, merchant="shop"), paid("t2", 1_500.0, 1, merchant="other"))
    assert "first_payment_high_amount" not in first.rules + second.rules
    assert "new_merchant_high_amount" in second.rules
