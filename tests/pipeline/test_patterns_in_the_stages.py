"""Patterns in the stages: exchanged while the job runs, kept across restarts, in decision and alert."""

from __future__ import annotations

from typing import Any

from tests.matching import matches_of, pattern_body, pattern_set
from tests.pipeline.sent import (
    NOW_MS,
    account_event,
    alert,
    controlled,
    copied,
    decide,
    memory,
    paid,
    pipeline,
    restarted,
)
from udfs.features.catalogue import FEATURE_NAMES
from udfs.names import Refused, ShardEntry
from udfs.patterns import default_patterns
from udfs.pipeline import Pipeline
from udfs.rules import load_rules

SMALL: dict[str, Any] = {"name": "small", "where": "amount < 1"}
LARGE: dict[str, Any] = {"name": "large", "where": "amount > 500"}
PHONE = {"id": "phone"}


def refusals(one: Pipeline, *control: bytes) -> list[tuple[Refused, str]]:
    letters = one.process([], NOW_MS, control)[1].dead_letters
    return [(letter.refusal.reason, letter.refusal.detail) for letter in letters]


# Savepoints


def test_a_savepoint_in_the_middle_of_a_sequence_and_the_rest_after_it_are_one_match() -> None:
    patterns = pattern_set(SMALL, LARGE)
    before = pipeline(patterns=patterns)
    assert matches_of(before, paid("a", 0.5, 0)) == []
    after = restarted(before, patterns=patterns)
    assert matches_of(after, paid("b", 600.0, 5)) == [("two", ("a", "b"))]
    assert matches_of(restarted(after, patterns=patterns), paid("c", 600.0, 6)) == []


def test_so_it_is_on_devices_and_at_merchants() -> None:
    for entity in ("device", "merchant"):
        patterns = pattern_set(SMALL, LARGE, entity=entity)
        before = pipeline(patterns=patterns)
        assert matches_of(before, paid("a", 0.5, 0, user="ann", device=PHONE)) == []
        after = restarted(before, patterns=patterns)
        assert matches_of(after, paid("b", 600.0, 5, user="bo", device=PHONE)) == [("two", ("a", "b"))]


def test_a_savepoint_while_something_is_waited_for() -> None:
    check = {"name": "check", "kind": "login", "absent": True, "within": "10 min"}
    patterns = pattern_set({"name": "reset", "kind": "password_reset"}, check)
    before = pipeline(patterns=patterns)
    matches_of(before, account_event("password_reset", 0))
    after = restarted(before, patterns=patterns)
    matches_of(after, paid("bobs", 5.0, 11, user="bob"))
    again = restarted(after, patterns=patterns)
    assert matches_of(again, paid("a", 5.0, 12)) == [("two", ())]
    assert matches_of(restarted(again, patterns=patterns), paid("b", 5.0, 13)) == []


# Control


def test_new_patterns_are_in_force_in_every_stage_from_then_on() -> None:
    for entity in ("user", "device", "merchant"):
        one = pipeline()
        decide(
            one,
            paid("a", 0.5, 0, device=PHONE),
            control=(controlled("patterns", 1, pattern_body(SMALL, LARGE, entity=entity)),),
        )
        (decision,) = decide(one, paid("b", 600.0, 1, device=PHONE))
        assert (decision.patterns, decision.versions.patterns) == (["two"], {"two": 1})


def test_patterns_from_control_are_in_force_after_a_restart() -> None:
    one = pipeline()
    decide(one, control=(controlled("patterns", 1, pattern_body(SMALL, LARGE)),))
    again = restarted(one)
    assert matches_of(again, paid("a", 0.5, 0), paid("b", 600.0, 1)) == [("two", ("a", "b"))]


def test_a_pattern_that_is_taken_away_is_not_looked_for_any_more() -> None:
    one = pipeline(patterns=pattern_set(SMALL, LARGE))
    decide(one, paid("a", 0.5, 0), control=(controlled("patterns", 1, {"version": 2, "patterns": []}),))
    assert matches_of(one, paid("b", 600.0, 1)) == []


def test_a_pattern_that_asks_for_something_else_begins_anew_and_one_with_another_score_goes_on() -> None:
    for change, expected in (({"score": 0.9}, [("two", ("a", "b"))]), ({"within": "2 h"}, [])):
        one = pipeline(patterns=pattern_set(SMALL, LARGE))
        decide(one, paid("a", 0.5, 0))
        decide(one, control=(controlled("patterns", 1, pattern_body(SMALL, LARGE, version=2, **change)),))
        assert matches_of(one, paid("b", 600.0, 1)) == expected


def test_bad_patterns_are_refused_once_with_line_and_column_and_change_nothing() -> None:
    one, untouched = pipeline(), pipeline()
    bad = pattern_body(SMALL | {"where": "amuont < 1"}, LARGE)
    ((reason, detail),) = refusals(one, controlled("patterns", 1, bad))
    assert reason is Refused.CONTROL_INVALID
    assert "column" in detail
    assert "do you mean 'amount'?" in detail
    assert memory(one) == memory(untouched)
    assert decide(one, paid("a", 600.0)) == decide(untouched, paid("a", 600.0))


def test_an_older_version_is_refused() -> None:
    one = pipeline()
    assert refusals(one, controlled("patterns", 5, pattern_body(SMALL, LARGE))) == []
    ((reason, _),) = refusals(one, controlled("patterns", 4, pattern_body(SMALL)))
    assert reason is Refused.CONTROL_STALE


def test_users_and_devices_keep_what_concerns_them_and_no_more() -> None:
    one = pipeline()
    decide(one, control=(controlled("thresholds", 1, {"block": 0.5, "challenge": 0.3, "monitor": 0.1, "alert": 0.3}),))
    states = copied(one)
    assert [ShardEntry.CONTROL in state for state in states] == [False, False, True]
    decide(one, control=(controlled("patterns", 1, pattern_body(SMALL, LARGE)),))
    assert [ShardEntry.CONTROL in state for state in copied(one)] == [True, True, True]


# In the decision and the alert


def walkthrough(within: str) -> list[list[str]]:
    """The payments of each alert on data of the shape of Flink's fraud walkthrough: five accounts taking turns."""
    amounts = (188.23, 374.79, 112.15, 478.75, 208.85, 379.64, 351.44, 320.75, 259.42, 273.44, 267.25, 397.15, 0.219)
    directly = LARGE | {"contiguity": "strict"}
    no_rules = load_rules("{version: 1, rules: []}", FEATURE_NAMES)
    one = pipeline(patterns=pattern_set(SMALL, directly, within=within), rules=no_rules)
    accounts = ("1", "2", "4", "5")
    others = [paid(f"o{n}", amount, n, user=accounts[n % 4]) for n, amount in enumerate(amounts)]
    third = [
        paid(f"t{n}", amount, 30 * n, user="3")
        for n, amount in enumerate((112.15, 0.5, 871.15, 64.19, 0.9, 20.0, 640.0))
    ]
    return [raised.pattern_transactions for raised in alert(one, *others, *third)]


def test_under_one_directly_followed_by_over_500_is_exactly_one_alert() -> None:
    assert walkthrough("1 h") == [["t1", "t2"]]


def test_within_a_minute_of_event_time_the_same_data_give_none() -> None:
    assert walkthrough("60 s") == []


def test_a_match_raises_the_score_and_is_reported_with_its_reason_severity_and_payments() -> None:
    one = pipeline(patterns=pattern_set(SMALL, LARGE, score=0.92, severity="critical"))
    decide(one, paid("a", 0.5, 0))
    (raised,) = alert(one, paid("b", 600.0, 5))
    assert (raised.score, raised.action, raised.severity) == (0.92, "block", "critical")
    assert raised.reasons[0] == "TWO"
    assert raised.pattern_transactions == ["a", "b"]


def test_matches_of_several_stages_stand_in_one_decision() -> None:
    body = pattern_body(SMALL, LARGE)
    body["patterns"] += [
        body["patterns"][0] | {"id": entity, "entity": entity, "reason": entity.upper()}
        for entity in ("device", "merchant")
    ]
    one = pipeline()
    decide(one, paid("a", 0.5, 0, device=PHONE), control=(controlled("patterns", 1, body),))
    (decision,) = decide(one, paid("b", 600.0, 1, device=PHONE))
    assert decision.patterns == ["two", "device", "merchant"]


def test_the_default_patterns_are_in_force_and_reported_with_their_versions() -> None:
    (decision,) = decide(pipeline(), paid("a", 5.0))
    assert decision.versions.patterns == {pattern.id: pattern.version for pattern in default_patterns().all}


def test_a_pattern_may_look_at_fields_that_only_the_record_has() -> None:
    steps = [{"name": "a", "where": "channel == 'phone' and merchant_category == 'jewelry'"}]
    for entity in ("device", "merchant"):
        one = pipeline(patterns=pattern_set(*steps, entity=entity))
        extra: dict[str, Any] = {"device": PHONE, "merchant_category": "jewelry"}
        assert matches_of(one, paid("x", 5.0, 0, channel="web", **extra)) == []
        assert matches_of(one, paid("y", 5.0, 1, channel="phone", **extra)) == [("two", ("y",))]
