"""Account events and labels come through to the profiles they are about."""

from __future__ import annotations

import pytest

from state.profiles.shared_profile import MerchantProfile
from tests.pipeline.sent import NOW_MS, account_event, at, decide, feature, labelled, paid, pipeline, restarted
from udfs.pipeline import Pipeline

EVENTS = "user_account_event_count_24h"


def frauds(one: Pipeline, merchant: str = "shop") -> list[int]:
    """When the payments were made that the merchant's profile knows as fraud."""
    one.checkpoint(NOW_MS)
    return list(MerchantProfile.unpack(one.states.merchants[merchant]).fraud_times)


def test_a_password_reset_is_counted_in_the_payments_after_it_and_not_before() -> None:
    records = [paid("before", 10.0, 0), account_event("password_reset", 1), paid("after", 10.0, 2)]
    assert feature(pipeline().process(records, NOW_MS)[1], EVENTS) == [0.0, 1.0]


def test_an_event_that_is_read_after_a_payment_is_not_counted_in_it_even_when_it_was_before() -> None:
    records = [paid("a", 10.0, 5), account_event("password_reset", 1), paid("b", 10.0, 6)]
    assert feature(pipeline().process(records, NOW_MS)[1], EVENTS) == [0.0, 1.0]


def test_account_events_are_remembered_across_batches_and_a_restart() -> None:
    one = pipeline()
    one.process([account_event("failed_login", 0), account_event("failed_login", 1)], NOW_MS)
    assert feature(restarted(one).process([paid("a", 10.0, 2)], NOW_MS)[1], EVENTS) == [2.0]


def test_an_event_of_another_user_is_not_counted() -> None:
    records = [account_event("password_reset", 0, user="bob"), paid("a", 10.0, 1)]
    assert feature(pipeline().process(records, NOW_MS)[1], EVENTS) == [0.0]


def test_a_chargeback_is_remembered_of_the_merchant_at_the_time_of_the_payment() -> None:
    one = pipeline()
    one.process([paid("stolen", 90.0, 3), labelled("stolen", "fraud", 3)], NOW_MS)
    assert frauds(one) == [at(3)]


def test_a_label_that_comes_alone_comes_through() -> None:
    one = pipeline()
    one.process([paid("stolen", 90.0, 3)], NOW_MS)
    one.process([labelled("stolen", "fraud", 3)], NOW_MS)
    assert frauds(restarted(one)) == [at(3)]


def test_an_analyst_who_clears_a_payment_takes_the_chargeback_back() -> None:
    one = pipeline()
    one.process([labelled("stolen", "fraud", 3), labelled("stolen", "legitimate", 3)], NOW_MS)
    assert frauds(one) == []


def test_a_label_says_nothing_about_another_merchant() -> None:
    one = pipeline()
    one.process([paid("a", 10.0), labelled("b", "fraud", merchant="game")], NOW_MS)
    assert (frauds(one), len(frauds(one, "game"))) == ([], 1)


def test_events_and_labels_get_no_decision() -> None:
    taken, output = pipeline().process([account_event("login"), labelled("a", "fraud")], NOW_MS)
    assert (output.decisions.decisions, output.decisions.alerts, taken.dead_letters) == ([], [], [])


@pytest.mark.parametrize(("first", "second", "share"), [("fraud", "legitimate", 1.0), ("legitimate", "fraud", 0.0)])
@pytest.mark.parametrize("batches", [1, 2])
def test_an_older_word_that_comes_later_does_not_overrule_the_last_one(
    first: str, second: str, share: float, batches: int
) -> None:
    one = pipeline()
    decide(one, paid("p0", 10.0, 0.0, user="bob"))
    labels = [
        labelled("p0", first, user="bob", known_after=60.0 * 24 * 6),
        labelled("p0", second, user="bob", known_after=60.0 * 24 * 5),
    ]
    now_ms = NOW_MS + 12 * 86_400_000
    for batch in (labels,) if batches == 1 else ([labels[0]], [labels[1]]):
        decide(one, *batch, now_ms=now_ms)
    _, output = one.process([paid("later", 10.0, 60.0 * 24 * 12)], now_ms)
    assert feature(output, "merchant_fraud_share_30d") == [share]
