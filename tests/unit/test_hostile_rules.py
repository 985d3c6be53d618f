"""Sets of rules that somebody sends to do harm, or by mistake: a clear problem each, and bounded work."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from udfs.features.catalogue import FEATURE_NAMES
from udfs.rules import RuleError, RuleSet, load_rules
from udfs.rules.loading import MAX_RULES

BOUND_S = 5.0
"""Processor time of the largest sets on a busy machine; they need about one second."""


def rule(when: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "when": when, "reason": "R", "add": 0.1, **more}


def loaded(*rules: dict[str, Any]) -> RuleSet:
    return load_rules({"version": 1, "rules": list(rules)}, FEATURE_NAMES)


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("(" * 900 + "amount > 1" + ")" * 900, "too many nested parentheses"),
        ("not " * 30 + "amount > 1", "conditions nest at most 20 levels deep"),
        ("-" * 400 + "amount > 1", "conditions nest at most 20 levels deep"),
        ("amount" + " + 1" * 400 + " > 1", "conditions nest at most 20 levels deep"),
        ("amount > 1 and " * 200 + "amount > 1", "a condition has at most 2000 characters"),
        ("channel in (" + "'a', " * 500 + ")", "a condition has at most 2000 characters"),
        ("channel == 'a\u202eb'", "a text cannot contain"),
        ("channel == '\\x00'", "a text cannot contain"),
        ("starts_with(channel, '" + "a" * 65 + "')", "of 1 to 64 characters"),
        ("__import__('os').system('true') == 0", "expected"),
        ("metadata.__class__.__name__ == 'dict'", "expected"),
        ("metadata == 'a'", "write metadata.name"),
        ("(lambda: 1)() > 0", "expected"),
        ("channel == f'{channel}'", "expected"),
        ("user_risk_score_v1 > 0.5", "unknown name 'user_risk_score_v1'"),
        ("user_transaction_count_2h > 5", "do you mean 'user_transaction_count_24h'?"),
        ("channel in list('Vip')", "a list is looked up for"),
        ("user_id in list('VIP list')", "list takes the name of a list in quotes"),
        ("channel =~ '(a+)+$'", "invalid syntax"),
    ],
)
def test_a_hostile_condition_is_refused_with_a_reason(when: str, problem: str) -> None:
    with pytest.raises(RuleError) as caught:
        loaded(rule(when))
    assert problem in str(caught.value)
    assert "rule r0" in str(caught.value)


def test_ids_are_ascii_so_that_two_rules_never_look_the_same() -> None:
    for rule_id in ("r\u0435gel", "rule\u200b", "Rule", "r" * 65):
        with pytest.raises(RuleError, match="an id has lower-case letters"):
            loaded(rule("amount > 1") | {"id": rule_id})


@pytest.mark.parametrize("time_text", ["2026-01-01T00:00:00", "soon", "", "9" * 400, "2026-02-30T00:00:00Z"])
def test_a_time_that_is_none_is_refused(time_text: str) -> None:
    with pytest.raises(RuleError, match="valid_from is a time with its zone"):
        loaded(rule("amount > 1", valid_from=time_text))


@pytest.mark.parametrize("moment", [10**30, -(10**18), 1.5, True, [], {}])
def test_a_number_that_is_no_time_is_refused(moment: Any) -> None:
    with pytest.raises(RuleError):
        loaded(rule("amount > 1", valid_from=moment))


def test_metadata_of_any_name_is_absent_and_no_attribute() -> None:
    names = ["__class__", "a.b", "x:text", "a'b".replace("'", ""), "list:vip:user", "用户", "[:5]"]
    assert len(loaded(*(rule(f"metadata['{name}'] == 'x'", n) for n, name in enumerate(names))).fields) == len(names)


def test_thousands_of_rules_over_texts_are_loaded_and_evaluated_in_bounded_time() -> None:
    members = ", ".join(f"'m-{number}'" for number in range(150))
    crowded = "merchant_id in ({}) or user_id == 'u-{}' or starts_with(device_id, 'd{}')"
    rules = [rule(crowded.format(members, number, number % 50), number) for number in range(150)]
    rules += [rule(f"merchant_id == 'm-{number}' and amount > 5", number) for number in range(150, MAX_RULES)]
    begin = time.thread_time()
    found = loaded(*rules)
    assert time.thread_time() - begin < BOUND_S
    features = np.ones((200, len(FEATURE_NAMES)))
    begin = time.thread_time()
    found.evaluate(features, [_Carried()] * 200)
    assert time.thread_time() - begin < BOUND_S


class _Carried:
    """The fields that stage messages carry."""

    user_id, merchant_id, device_id, declined, event_time = "u-1", "m-1", "d1-x", False, 0
