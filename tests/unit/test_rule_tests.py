"""Tests beside rules: what they give, what they expect, and what is said of those that fail or cannot be run."""

from __future__ import annotations

from typing import Any

import pytest

from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import RuleError, load_rules
from udfs.rules.testing import RuleTestResult, run_tests

COLUMNS = {name: column for column, name in enumerate(FEATURE_NAMES)}
GAMBLING = "merchant_category == 'gambling' and channel == 'web' and user_country_foreign == 1 and amount > 500"


def result_of(when: str, values: dict[str, Any], expect: str = "fires", **more: Any) -> RuleTestResult:
    rule = {"id": "one", "when": when, "reason": "ONE", "add": 0.3, "tests": [{"given": values, "expect": expect}]}
    (result,) = run_tests(load_rules({"version": 1, "rules": [rule | more]}, FEATURE_NAMES), COLUMNS)
    return result


@pytest.mark.parametrize(
    ("when", "values"),
    [
        (GAMBLING, {"merchant_category": "7995", "channel": "online", "user_country_foreign": 1, "amount": 600}),
        (GAMBLING, {"merchant_category": "gambling", "channel": "web", "user_country_foreign": True, "amount": 600}),
        ("user_id in list('vip')", {"lists": ["vip:user"]}),
        ("device_id not in list('vip')", {"lists": ["vip:user"]}),
        ("metadata.campaign == 'spring' and metadata.n > 1", {"metadata.campaign": "spring", "metadata.n": 2}),
        ("country == 'DE' and city == 'Berlin'", {"country": "DEU", "city": "Berlin"}),
        ("starts_with(device_user_agent, 'curl')", {"device_user_agent": "curl/8"}),
        ("declined == 1 and latitude < 1", {"declined": 1, "latitude": 0.5}),
        ("is_absent(amount) and is_absent(channel) and is_absent(user_id)", {"channel": None}),
        ("event_time >= 5", {"event_time": 5}),
    ],
)
def test_what_is_given_is_seen_as_in_a_payment(when: str, values: dict[str, Any]) -> None:
    assert result_of(when, values).passed
    failed = result_of(when, values, "silent")
    assert not failed.passed
    assert str(failed) == "rule one, test 1: expected silent, found fires"


def test_a_test_looks_neither_at_mode_nor_at_validity() -> None:
    for more in ({"mode": "off"}, {"mode": "shadow"}, {"valid_until": 5}):
        assert result_of("amount > 5", {"amount": 6}, **more).passed


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"chanel": "web"}, "unknown name 'chanel'; do you mean 'channel'?"),
        ({"amount": "600"}, "amount is a number, not '600'"),
        ({"amount": 10**400}, "amount is too large"),
        ({"channel": 5}, "channel is a text, not 5: put it in quotes"),
        ({"country": "Atlantis"}, "location.country cannot be this"),
        ({"lists": "vip"}, "lists are texts such as vip:user"),
    ],
)
def test_what_cannot_be_given_is_said(values: dict[str, Any], problem: str) -> None:
    result = result_of("amount > 1", values, "silent")
    assert not result.passed
    assert result.found.startswith(problem)


@pytest.mark.parametrize(
    ("tests", "problem"),
    [
        ([{"given": {}, "expect": "loud"}], "Invalid enum value 'loud'"),
        ([{"given": {}}], "Object missing required field `expect`"),
        ([{"given": {}, "expect": "fires", "when": 1}], "Object contains unknown field `when`"),
        ([{"given": {}, "expect": "silent"}] * 51, "a rule has at most 50 tests"),
    ],
)
def test_tests_of_another_form_are_refused(tests: list[Any], problem: str) -> None:
    rule = {"id": "one", "when": "amount > 1", "reason": "ONE", "add": 0.3, "tests": tests}
    with pytest.raises(RuleError, match=problem):
        load_rules({"version": 1, "rules": [rule]}, FEATURE_NAMES)
