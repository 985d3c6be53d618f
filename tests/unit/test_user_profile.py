"""A user's profile: repeated payments, eviction, and the packed size."""

from __future__ import annotations

import random

import pytest

from state.kernel.times import DAY_MS
from state.profiles import frequency_table
from state.profiles.user_profile import MAX_ACCOUNT_EVENTS, MAX_RECENT_PAYMENTS, UserProfile
from tests.payments import payment
from udfs.features.catalogue import USER_FEATURES
from udfs.features.user_block import update_and_compute
from udfs.records.transaction import Transaction

MINUTES_PER_DAY = 24 * 60


def month(payments: int, merchants: int, seed: int = 1, days: int = 30) -> list[Transaction]:
    chance = random.Random(seed)
    return [
        payment(
            f"{chance.getrandbits(128):032x}",
            round(chance.lognormvariate(3, 1), 2),
            number * days * MINUTES_PER_DAY / payments,
            merchant_id=f"merchant-{chance.randrange(merchants)}",
        )
        for number in range(payments)
    ]


def profile_of(payments: list[Transaction]) -> UserProfile:
    profile = UserProfile()
    for begin in range(0, len(payments), 50):
        update_and_compute([(profile, one) for one in payments[begin : begin + 50]])
    return profile


def test_a_usual_user_with_a_month_of_history_takes_at_most_4_kilobytes() -> None:
    assert len(profile_of(month(payments=90, merchants=40)).pack()) <= 4096


def test_the_hottest_user_takes_at_most_32_kilobytes() -> None:
    assert len(profile_of(month(payments=30_000, merchants=5_000, days=40)).pack()) <= 32 * 1024


def test_the_hottest_user_takes_no_more_with_large_amounts_and_with_payments_that_pass_filters() -> None:
    hot = month(payments=30_000, merchants=5_000, days=40)
    for number, one in enumerate(hot):
        one.amount = round(one.amount) * 100_000.0  # as in dong
        one.channel = "web" if number % 3 else "pos"
        one.metadata = {"declined": number % 4 == 0}
    assert len(profile_of(hot).pack()) <= 32 * 1024


def test_a_year_of_payments_takes_no_more_space_than_two_months() -> None:
    two_months = profile_of(month(payments=180, merchants=30, days=60))
    year = profile_of(month(payments=1_080, merchants=30, days=360))
    assert len(year.pack()) <= 1.2 * len(two_months.pack())


def test_a_repeated_payment_is_recognized_also_after_a_restore() -> None:
    payments = month(payments=75, merchants=10)
    profile = profile_of(payments)
    for each in (profile, UserProfile.unpack(profile.pack())):
        assert all(each.has_seen(one.transaction_id) for one in payments)
        assert not each.has_seen("another")


def test_the_newest_payments_of_a_hot_user_are_recognized() -> None:
    payments = month(payments=5_000, merchants=10)
    profile = profile_of(payments)
    assert all(profile.has_seen(one.transaction_id) for one in payments[-MAX_RECENT_PAYMENTS // 2 :])
    assert not profile.has_seen(payments[0].transaction_id)


def test_pattern_progress_is_stored_and_takes_no_space_when_there_is_none() -> None:
    profile = UserProfile()
    empty = len(profile.pack())
    assert profile.progress == {}
    assert len(profile.pack()) == empty
    profile.progress["card_testing"] = [[1_700_000_000_000, 0, "a", False]]
    restored = UserProfile.unpack(profile.pack())
    assert UserProfile.unpack(restored.pack()).progress == {"card_testing": [[1_700_000_000_000, 0, "a", False]]}


def test_the_merchant_paid_most_stays_known_when_there_are_too_many() -> None:
    profile = UserProfile()
    for visit in range(3):
        update_and_compute([(profile, payment(f"usual-{visit}", 5.0, visit, merchant_id="usual"))])
    for number in range(2 * int(frequency_table.CAPACITY[frequency_table.MERCHANT])):
        update_and_compute([(profile, payment(f"once-{number}", 5.0, 10 + number, merchant_id=f"m-{number}"))])
    (row,) = update_and_compute([(profile, payment("again", 5.0, 10_000, merchant_id="usual"))])
    features = dict(zip([feature.name for feature in USER_FEATURES], row.tolist(), strict=True))
    assert features["user_merchant_share"] * features["user_transaction_count_30d"] == pytest.approx(3, rel=0.01)


def test_account_events_are_bounded_and_evicted_after_two_days() -> None:
    profile = UserProfile()
    for number in range(1_000):
        profile.add_account_event(DAY_MS + number)
    assert len(profile.account_events) == MAX_ACCOUNT_EVENTS
    profile.add_account_event(10 * DAY_MS)
    assert list(profile.account_events) == [10 * DAY_MS]
