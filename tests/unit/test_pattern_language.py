"""The keys of the pattern language, each by the smallest story that needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.matching import matches_of, matches_one_by_one, pattern_set, with_pattern
from tests.pipeline.sent import account_event, at, copied, paid, record
from udfs.names import Kind
from udfs.pipeline import Pipeline

SMALL: dict[str, Any] = {"name": "small", "where": "amount < 1"}
LARGE: dict[str, Any] = {"name": "large", "where": "amount > 500"}


def matches(steps: Sequence[Mapping[str, Any]], *records: bytes, **overrides: Any) -> list[tuple[str, ...]]:
    """The payments of every match, in order of arrival."""
    return [match for _, match in matches_one_by_one(with_pattern(*steps, **overrides), records)]


def matches_in(pipeline: Pipeline, *records: bytes) -> list[tuple[str, ...]]:
    return [match for _, match in matches_one_by_one(pipeline, records)]


# The example of Flink's fraud detection walkthrough: under 1, directly followed by over 500

DIRECTLY = [SMALL, LARGE | {"contiguity": "strict"}]


def test_a_tiny_payment_directly_followed_by_a_large_one_is_one_match() -> None:
    story = [paid("a", 23.0, 0), paid("b", 0.5, 30), paid("c", 510.0, 60), paid("d", 102.0, 90), paid("e", 550.0, 95)]
    assert matches(DIRECTLY, *story) == [("b", "c")]


def test_within_a_minute_none_when_half_an_hour_lies_between() -> None:
    assert matches(DIRECTLY, paid("a", 0.5, 0), paid("b", 600.0, 30), within="60 s") == []
    assert matches(DIRECTLY, paid("a", 0.5, 0), paid("b", 600.0, 1), within="60 s") == [("a", "b")]


def test_strict_allows_nothing_in_between_and_relaxed_anything() -> None:
    story = [paid("a", 0.5, 0), paid("between", 30.0, 5), paid("b", 600.0, 10)]
    assert matches(DIRECTLY, *story) == []
    assert matches([SMALL, LARGE], *story) == [("a", "b")]


def test_a_late_event_in_between_counts_if_it_arrives_before_the_last_one() -> None:
    story = [paid("a", 0.5, 0), paid("later", 30.0, 20), paid("between", 30.0, 5), paid("b", 600.0, 10)]
    assert matches(DIRECTLY, *story) == []


def test_another_users_payment_is_never_in_between() -> None:
    story = [paid("a", 0.5, 0), paid("other", 30.0, 5, user="bob"), paid("b", 600.0, 10)]
    assert matches(DIRECTLY, *story) == [("a", "b")]


# Quantifiers

TWO_SMALL = SMALL | {"at_least": 2}


@pytest.mark.parametrize(
    ("quantifier", "smalls", "expected"),
    [
        ({}, 3, ("s0", "l")),
        ({"times": 2}, 1, None),
        ({"times": 2}, 3, ("s0", "s1", "l")),
        ({"at_least": 2}, 1, None),
        ({"at_least": 2}, 4, ("s0", "s1", "s2", "s3", "l")),
        ({"at_least": 1, "at_most": 2}, 3, ("s0", "s1", "l")),
        ({"at_most": 2}, 1, ("s0", "l")),
    ],
)
def test_a_match_takes_as_many_events_as_it_may_and_the_earliest(
    quantifier: dict[str, int], smalls: int, expected: tuple[str, ...] | None
) -> None:
    story = [*(paid(f"s{n}", 0.5, n) for n in range(smalls)), paid("l", 600.0, 20)]
    assert matches([SMALL | quantifier, LARGE], *story) == ([] if expected is None else [expected])


def test_an_optional_step_is_part_of_the_match_if_present_and_may_be_missing() -> None:
    steps: list[dict[str, Any]] = [SMALL, {"name": "middle", "where": "amount == 50", "optional": True}, LARGE]
    assert matches(steps, paid("a", 0.5, 0), paid("b", 600.0, 2)) == [("a", "b")]
    assert matches(steps, paid("a", 0.5, 0), paid("m", 50.0, 1), paid("b", 600.0, 2)) == [("a", "m", "b")]


def test_distinct_counts_different_values_and_takes_all_events() -> None:
    step = {"name": "burst", "where": "amount < 100", "at_least": 2, "distinct": "merchant_id"}
    story = [paid("a", 9.0, 0, merchant="x"), paid("b", 9.0, 1, merchant="x"), paid("c", 9.0, 2, merchant="y")]
    assert matches([step], *story[:2]) == []
    assert matches([step], *story) == [("a", "b", "c")]


def test_a_gap_is_between_two_events_of_the_match() -> None:
    steps: list[dict[str, Any]] = [TWO_SMALL | {"gap": "5 min"}, LARGE]
    assert matches(steps, paid("a", 0.5, 0), paid("b", 0.5, 5), paid("l", 600.0, 40)) == [("a", "b", "l")]
    assert matches(steps, paid("a", 0.5, 0), paid("b", 0.5, 6), paid("l", 600.0, 40)) == []


# Conditions on earlier events


def test_an_amount_is_compared_with_that_of_an_earlier_step() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "first", "where": "amount < 100"},
        {"name": "jump", "where": "amount > 10 * first.amount"},
    ]
    assert matches(steps, paid("a", 5.0, 0), paid("b", 50.0, 1)) == []
    assert matches(steps, paid("a", 5.0, 0), paid("b", 50.1, 1)) == [("a", "b")]


def test_a_country_is_compared_with_that_of_the_log_in() -> None:
    login = {"user_id": "alice", "kind": "login", "timestamp": at(0), "location": {"country": "AT"}}
    steps: list[dict[str, Any]] = [
        {"name": "login", "kind": "login"},
        {"name": "pay", "where": "country != login.country"},
    ]
    for country, expected in (("AT", []), ("PH", [("a",)]), (None, [])):
        payment = paid("a", 5.0, 1, location={"country": country})
        assert matches(steps, record(Kind.ACCOUNT_EVENT, login), payment) == expected


def test_previous_is_the_event_before_whichever_step_it_belongs_to() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "first", "where": "amount < 10"},
        {"name": "up", "where": "amount > previous.amount", "times": 2},
    ]
    assert matches(steps, paid("a", 5.0, 0), paid("b", 7.0, 1), paid("c", 6.5, 2)) == []
    assert matches(steps, paid("a", 5.0, 0), paid("b", 7.0, 1), paid("c", 8.0, 2)) == [("a", "b", "c")]


def test_each_event_of_a_step_that_repeats_has_its_own_previous_one() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "first", "where": "amount < 6"},
        {"name": "up", "where": "amount > previous.amount", "at_least": 2},
    ]
    assert matches(steps, paid("a", 5.0, 0), paid("b", 8.0, 1), paid("c", 7.0, 2)) == []
    assert matches(steps, paid("a", 5.0, 0), paid("b", 8.0, 1), paid("c", 9.0, 2)) == [("a", "b", "c")]


@pytest.mark.parametrize(
    ("condition", "count"), [("channel == 'web'", 1), ("channel != 'web'", 0), ("channel == 'pos'", 0)]
)
def test_texts_are_compared_with_texts_in_quotes(condition: str, count: int) -> None:
    assert len(matches([{"name": "one", "where": condition}], paid("a", 5.0, 0, channel="web"))) == count


# Absence

CHECKED: dict[str, Any] = {"name": "check", "where": "amount == 50", "absent": True}


def test_what_is_absent_in_between_forbids_the_match() -> None:
    steps: list[dict[str, Any]] = [SMALL, CHECKED, LARGE]
    assert matches(steps, paid("a", 0.5, 0), paid("b", 600.0, 2)) == [("a", "b")]
    assert matches(steps, paid("a", 0.5, 0), paid("c", 50.0, 1), paid("b", 600.0, 2)) == []
    assert matches(steps, paid("c", 50.0, -1), paid("a", 0.5, 0), paid("b", 600.0, 2), paid("d", 50.0, 3)) == [
        ("a", "b")
    ]


NO_CHECK: list[dict[str, Any]] = [
    {"name": "reset", "kind": "password_reset"},
    {"name": "check", "kind": "login", "absent": True, "within": "10 min"},
]


def test_when_nothing_followed_in_time_the_match_is_reported_with_the_next_payment() -> None:
    clock = paid("bobs", 5.0, 11, user="bob")
    pipeline = with_pattern(*NO_CHECK)
    assert matches_one_by_one(pipeline, [account_event("password_reset", 0), paid("early", 9.0, 5), clock]) == []
    assert matches_of(pipeline, paid("a", 9.0, 12)) == [("two", ())]
    assert matches_of(pipeline, paid("b", 9.0, 13)) == []


def test_a_timer_survives_a_restart() -> None:
    before = with_pattern(*NO_CHECK)
    matches_of(before, account_event("password_reset", 0))
    after = Pipeline(patterns=pattern_set(*NO_CHECK), states=copied(before))
    assert matches_in(after, paid("bobs", 5.0, 11, user="bob"), paid("a", 9.0, 12)) == [()]


def test_what_follows_in_time_forbids_the_match_and_what_is_too_late_does_not() -> None:
    for minute, expected in ((9.9, []), (10.1, [()])):
        story = [account_event("password_reset", 0), account_event("login", minute), paid("bobs", 5.0, 20, user="bob")]
        assert matches(NO_CHECK, *story, paid("a", 9.0, 21)) == expected


def test_a_timer_fires_once() -> None:
    story = [account_event("password_reset", 0), *(paid(f"p{n}", 9.0, 20 + n) for n in range(5))]
    assert matches(NO_CHECK, *story) == [()]


def test_a_match_without_a_payment_expires() -> None:
    story = [account_event("password_reset", 0), paid("bobs", 5.0, 30, user="bob"), paid("a", 9.0, 60 * 30)]
    assert matches(NO_CHECK, *story, hold="2 h") == []


def test_a_match_that_an_account_event_completes_is_reported_with_the_next_payment() -> None:
    steps: list[dict[str, Any]] = [SMALL, {"name": "payee", "kind": "new_payee"}]
    story = [paid("a", 0.5, 0), account_event("new_payee", 1), paid("bobs", 5.0, 2, user="bob"), paid("b", 40.0, 3)]
    assert matches(steps, *story) == [("a",)]


# After a match


def test_skipping_past_the_last_event_uses_no_event_twice() -> None:
    story = [paid("a", 0.5, 0), paid("b", 600.0, 1), paid("c", 700.0, 2), paid("d", 0.6, 3), paid("e", 800.0, 4)]
    assert matches([SMALL, LARGE], *story) == [("a", "b"), ("d", "e")]
    assert matches([SMALL, LARGE], *story, after_match="overlap") == [
        ("a", "b"),
        ("a", "c"),
        ("a", "e"),
    ]


def test_a_late_event_reports_the_earlier_match_it_completes_and_those_it_shifts() -> None:
    story = [paid("a", 0.5, 0), paid("c", 600.0, 5), paid("d", 0.5, 6), paid("late", 700.0, 3), paid("e", 600.0, 8)]
    assert matches([SMALL, LARGE], *story) == [("a", "c"), ("a", "late"), ("d", "e")]


def test_the_former_end_of_a_match_that_a_late_event_shifted_blocks_no_other() -> None:
    """First (a, c), then with b (a, b): s may now begin the match that e ends, though it lies before c."""
    steps: list[dict[str, Any]] = [
        {"name": "small", "where": "amount < 100"},
        {"name": "jump", "where": "amount > 10 * small.amount"},
    ]
    story = [paid("a", 1.0, 0), paid("c", 600.0, 5), paid("b", 700.0, 3), paid("s", 80.0, 4), paid("e", 900.0, 8)]
    assert matches(steps, *story) == [("a", "c"), ("a", "b"), ("s", "e")]


def test_events_with_equal_times_are_in_order_of_arrival() -> None:
    assert matches([SMALL, LARGE], paid("a", 0.5, 0), paid("b", 600.0, 0)) == [("a", "b")]
    assert matches([SMALL, LARGE], paid("b", 600.0, 0), paid("a", 0.5, 0)) == []
