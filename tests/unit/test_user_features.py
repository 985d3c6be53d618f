"""Features of the user block, on payments as a fraud analyst would describe them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from state.kernel.times import DAY_MS
from state.profiles.user_profile import UserProfile
from tests.payments import NOON_MS, payment
from udfs.features.catalogue import USER_FEATURES
from udfs.features.user_block import update_and_compute
from udfs.records.account_event import AccountEvent
from udfs.records.transaction import Account, Device, Location, Transaction

NAMES = [feature.name for feature in USER_FEATURES]
DAY = 24 * 60.0


def features(*payments: Transaction, profile: UserProfile | None = None) -> dict[str, float]:
    """Features of the last payment of one user."""
    profile = profile or UserProfile()
    rows = update_and_compute([(profile, one) for one in payments])
    return dict(zip(NAMES, rows[-1].tolist(), strict=True))


def test_a_burst_counts_itself_and_what_was_in_the_window() -> None:
    values = features(*(payment(f"p{i}", 10.0, i) for i in range(8)))
    assert values["user_transaction_count_5m"] == 5  # minutes 3 to 7: minute 2 is five minutes ago, and out
    assert values["user_transaction_count_1h"] == 8
    assert values["user_amount_sum_5m"] == 50.0
    assert values["user_amount_rate_1h"] == 80.0


def test_a_payment_at_just_the_windows_length_is_out() -> None:
    assert features(payment("a", 1.0, 0), payment("b", 1.0, 5))["user_transaction_count_5m"] == 1
    assert features(payment("a", 1.0, 0), payment("b", 1.0, 4.999))["user_transaction_count_5m"] == 2


def test_cents_add_up_exactly() -> None:
    assert features(*(payment(f"p{i}", 0.1, i) for i in range(3)))["user_amount_sum_1h"] == 0.3


def test_small_deviations_survive_next_to_a_huge_amount() -> None:
    values = features(payment("a", 1e9), payment("b", 10.0, 2 * DAY), payment("c", 10.02, 2 * DAY + 1))
    assert values["user_amount_std_24h"] == pytest.approx(0.02 / math.sqrt(2), rel=1e-12)


def test_an_amount_is_compared_with_earlier_ones() -> None:
    values = features(payment("a", 10.0), payment("b", 30.0, 10), payment("c", 60.0, 20))
    assert values["user_amount_ratio_mean"] == 3.0
    assert values["user_amount_ratio_max"] == 2.0
    assert values["user_amount_zscore"] == pytest.approx(40 / math.sqrt(200))


def test_a_first_payment_has_no_history_to_be_compared_with() -> None:
    values = features(payment("a", 10.0))
    assert all(
        math.isnan(values[name])
        for name in ("user_amount_ratio_mean", "user_amount_zscore", "user_transaction_gap", "user_merchant_new")
    )
    assert values["user_transaction_count_30d"] == 1


def test_equal_earlier_amounts_have_no_deviation_to_measure_with() -> None:
    assert math.isnan(features(*(payment(f"p{i}", 10.0, i) for i in range(3)))["user_amount_zscore"])


def test_the_same_amount_again_within_a_day_is_a_repeat() -> None:
    repeated = "user_amount_repeated_24h"
    assert features(payment("a", 9.99), payment("b", 9.99, 60))[repeated] == 1
    assert features(payment("a", 9.99), payment("b", 9.98, 60))[repeated] == 0
    assert features(payment("a", 9.99), payment("b", 9.99, DAY))[repeated] == 0


@pytest.mark.parametrize(
    ("amount", "hundred", "thousand"), [(0.0, 0, 0), (100.0, 1, 0), (100.01, 0, 0), (1_000.0, 1, 1), (1_500.0, 1, 0)]
)
def test_a_round_amount_is_a_positive_multiple(amount: float, hundred: int, thousand: int) -> None:
    values = features(payment("a", amount))
    assert (values["amount_round_100"], values["amount_round_1000"]) == (hundred, thousand)


@pytest.mark.parametrize(("amount", "small", "high"), [(9.99, 1, 0), (10.0, 0, 0), (999.99, 0, 0), (1_000.0, 0, 1)])
def test_small_and_high_amounts(amount: float, small: int, high: int) -> None:
    values = features(payment("a", amount))
    assert (values["amount_small"], values["amount_high"]) == (small, high)


@pytest.mark.parametrize(
    ("minute", "hour", "weekday", "weekend", "business", "night"),
    [
        (0, 12, 3, 0, 1, 0),  # Thursday, 1 January 2026, noon
        (-3 * 60 - 1, 8, 3, 0, 0, 0),
        (5 * 60, 17, 3, 0, 0, 0),
        (-12 * 60, 0, 3, 0, 0, 1),
        (-7 * 60, 5, 3, 0, 0, 0),
        (2 * DAY, 12, 5, 1, 0, 0),
        (4 * DAY, 12, 0, 0, 1, 0),
    ],
)
def test_the_clock_is_read_in_utc(
    minute: float, hour: int, weekday: int, weekend: int, business: int, night: int
) -> None:
    values = features(payment("a", 1.0, minute))
    names = ("time_hour", "time_weekday", "time_weekend", "time_business_hours", "time_late_night")
    assert tuple(values[name] for name in names) == (hour, weekday, weekend, business, night)


@pytest.mark.parametrize(("seconds", "rapid", "very_rapid"), [(5, 1, 1), (10, 1, 0), (59.999, 1, 0), (60, 0, 0)])
def test_rapid_payments_follow_each_other_within_a_minute(seconds: float, rapid: int, very_rapid: int) -> None:
    values = features(payment("a", 1.0), payment("b", 1.0, seconds / 60))
    assert values["user_transaction_gap"] == seconds
    assert (values["user_transaction_rapid"], values["user_transaction_very_rapid"]) == (rapid, very_rapid)


def test_an_hour_never_seen_has_no_share() -> None:
    usual = [payment(f"p{i}", 1.0, i * DAY) for i in range(4)]
    assert features(*usual, payment("same", 1.0, 4 * DAY))["user_hour_share"] == 1
    assert features(*usual, payment("odd", 1.0, 4 * DAY + 15 * 60))["user_hour_share"] == 0


def test_a_merchant_is_new_once_and_then_has_its_share() -> None:
    payments = [payment(f"p{i}", 1.0, i, merchant_id=merchant) for i, merchant in enumerate("aaab")]
    values = features(*payments)
    assert (values["user_merchant_new"], values["user_merchant_share"]) == (1, 0)
    values = features(*payments, payment("again", 1.0, 9, merchant_id="a"))
    assert (values["user_merchant_new"], values["user_merchant_share"]) == (0, 0.75)
    assert values["user_merchant_distinct_1h"] == 2


def test_a_merchant_paid_half_a_year_ago_is_not_new() -> None:
    payments = [payment("then", 1.0, 0, merchant_id="a"), payment("b", 1.0, 90 * DAY, merchant_id="b")]
    assert features(*payments, payment("now", 1.0, 180 * DAY, merchant_id="a"))["user_merchant_new"] == 0


def test_a_device_is_new_when_the_user_was_seen_with_others_only() -> None:
    def on(device: str | None, number: int) -> Transaction:
        return payment(f"p{number}", 1.0, number, device=Device(id=device))

    assert math.isnan(features(on("phone", 0))["user_device_new"])
    assert features(on("phone", 0), on("phone", 1))["user_device_new"] == 0
    assert features(on("phone", 0), on("laptop", 1))["user_device_new"] == 1
    assert math.isnan(features(on("phone", 0), on(None, 1))["user_device_new"])


def test_a_device_first_used_later_is_new_to_a_late_payment() -> None:
    first = payment("a", 1.0, 0, device=Device(id="phone"))
    newer = payment("b", 1.0, 30, device=Device(id="laptop"))
    late = payment("c", 1.0, 10, device=Device(id="laptop"))
    assert features(first, newer, late)["user_device_new"] == 1


VIENNA, BRATISLAVA, SYDNEY = (48.2082, 16.3738), (48.1486, 17.1077), (-33.8688, 151.2093)


def located(number: int, minute: float, place: tuple[float, float], country: str | None = None) -> Transaction:
    return payment(f"p{number}", 1.0, minute, location=Location(*place, country))


def test_how_far_and_how_fast_one_would_have_had_to_travel() -> None:
    values = features(located(0, 0, VIENNA), located(1, 30, BRATISLAVA))
    assert values["user_place_distance_last"] == pytest.approx(54.8, abs=0.2)
    assert values["user_place_speed"] == pytest.approx(2 * values["user_place_distance_last"])
    assert features(located(0, 0, VIENNA), located(1, 30, VIENNA))["user_place_speed"] == 0


def test_two_places_at_one_moment_are_taken_for_a_second_apart() -> None:
    values = features(located(0, 0, VIENNA), located(1, 0, SYDNEY))
    assert values["user_place_distance_last"] == pytest.approx(15_990, rel=0.01)
    assert values["user_place_speed"] == pytest.approx(3_600 * values["user_place_distance_last"])


def test_where_one_pays_most_is_usual_also_while_travelling() -> None:
    values = features(*(located(n, n * DAY, VIENNA) for n in range(3)), *(located(n, n * DAY, SYDNEY) for n in (3, 4)))
    assert values["user_place_distance_last"] == 0
    assert values["user_place_distance_usual"] == pytest.approx(15_990, rel=0.01)


@pytest.mark.parametrize("place", [None, Location(), Location(latitude=48.2), Location(country="AT")])
def test_without_a_place_there_is_no_distance(place: Location | None) -> None:
    values = features(located(0, 0, VIENNA), payment("b", 1.0, 1, location=place))
    assert all(math.isnan(values[f"user_place_{what}"]) for what in ("distance_last", "distance_usual", "speed"))


def test_a_country_is_new_once_and_foreign_until_one_pays_there_most() -> None:
    def in_countries(*countries: str | None) -> tuple[float, float, float]:
        values = features(*(located(n, n * 60, VIENNA, country) for n, country in enumerate(countries)))
        return values["user_country_new"], values["user_country_foreign"], values["country_high_risk"]

    assert in_countries("AT", "AT") == (0, 0, 0)
    assert in_countries("AT", "AT", "DE") == (1, 1, 0)
    assert in_countries("AT", "AT", "DE", "DE") == (0, 1, 0)
    assert in_countries("AT", "AT", "DE", "DE", "DE", "DE") == (0, 0, 0)
    assert in_countries("AT", "KP") == (1, 1, 1)
    assert in_countries("AT", None) == pytest.approx((math.nan, math.nan, math.nan), nan_ok=True)
    assert in_countries("AT") == pytest.approx((math.nan, math.nan, 0), nan_ok=True)


def test_a_channel_has_its_share_of_the_earlier_payments() -> None:
    def through(*channels: str | None) -> float:
        return features(*(payment(f"p{n}", 1.0, n, channel=each) for n, each in enumerate(channels)))[
            "user_channel_share"
        ]

    assert through("pos", "pos", "web", "atm", "pos") == 0.5
    assert through("pos", "web") == 0
    assert through("pos", None, "pos") == 1
    assert math.isnan(through("pos", None))
    assert math.isnan(through("pos"))


@pytest.mark.parametrize("code", ["", "x" * 33, "x" * 100_000])
def test_a_text_that_is_no_code_of_a_country_or_channel_is_absent_and_not_stored(code: str) -> None:
    profile = UserProfile()
    values = features(
        payment("a", 1.0, 0, channel="pos", location=Location(country="AT")),
        payment("b", 1.0, 1, channel=code, location=Location(country=code)),
        profile=profile,
    )
    assert all(math.isnan(values[name]) for name in ("user_channel_share", "user_country_new", "country_high_risk"))
    assert len(profile.pack()) < 1_000


@pytest.mark.parametrize(("category", "risk"), [("gambling", 0.9), ("grocery", 0.1), ("5411", None), (None, None)])
def test_a_category_of_merchants_has_a_risk_if_it_is_known(category: str | None, risk: float | None) -> None:
    values = features(payment("a", 1.0, merchant_category=category))["merchant_category_risk"]
    assert values == pytest.approx(math.nan if risk is None else risk, nan_ok=True)


@pytest.mark.parametrize(
    ("account", "age", "share"),
    [
        (None, None, None),
        (Account(), None, None),
        (Account(created_at=NOON_MS - 10 * DAY_MS, credit_limit=500.0), 10.0, 0.2),
        (Account(created_at=NOON_MS + DAY_MS, credit_limit=0.0), -1.0, None),
    ],
)
def test_the_age_and_the_limit_of_an_account_are_known_or_absent(
    account: Any, age: float | None, share: float | None
) -> None:
    values = features(payment("a", 100.0, account=account))
    expected = {"account_age": age, "account_limit_share": share}
    absent = {name: math.nan if value is None else value for name, value in expected.items()}
    assert {name: values[name] for name in absent} == pytest.approx(absent, nan_ok=True)


def test_account_events_of_the_last_day_are_counted_up_to_the_payment() -> None:
    profile = UserProfile()
    for minute in (-25 * 60, -23 * 60, -5, 10):
        event = AccountEvent(user_id="alice", kind="login", event_time=NOON_MS + minute * 60_000)
        profile.add_account_event(event.event_time)
    assert features(payment("a", 1.0), profile=profile)["user_account_event_count_24h"] == 2


def test_the_card_was_present_or_not_or_it_is_unknown() -> None:
    assert features(payment("a", 1.0, card_present=True))["card_present"] == 1
    assert features(payment("a", 1.0, card_present=False))["card_present"] == 0
    assert math.isnan(features(payment("a", 1.0))["card_present"])


def test_a_payment_older_than_the_whole_history_has_features_and_changes_nothing() -> None:
    profile = UserProfile()
    features(payment("now", 50.0, 60 * DAY), profile=profile)
    ancient = features(payment("ancient", 1e6, 0), profile=profile)
    assert ancient["user_transaction_count_30d"] == 1
    after = features(payment("next", 50.0, 60 * DAY + 1), profile=profile)
    assert (after["user_transaction_count_30d"], after["user_amount_max_30d"]) == (2, 50.0)


def test_no_payments_make_no_rows() -> None:
    assert update_and_compute([]).shape == (0, len(USER_FEATURES))
