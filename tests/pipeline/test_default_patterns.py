"""The default patterns as stories: the attack is found and named, and its harmless twin is left alone.

Card testing has a file of its own.
"""

from __future__ import annotations

from typing import Any

from tests.matching import found
from tests.pipeline.sent import account_event, at, paid

DAY = 24 * 60
VIENNA = {"latitude": 48.21, "longitude": 16.37, "country": "AT"}
SALZBURG = {"latitude": 47.81, "longitude": 13.04, "country": "AT"}
MANILA = {"latitude": 14.60, "longitude": 120.98, "country": "PH"}
ONLINE: dict[str, Any] = {"card_present": False, "channel": "web"}
AT_THE_TILL: dict[str, Any] = {"card_present": True, "channel": "pos"}


def months_of_good_use(user: str = "alice", **fields: Any) -> list[bytes]:
    """Twenty ordinary payments of about 40 in the four weeks before."""
    return [
        paid(f"{user}-old{day}", 35.0 + day % 10, (day - 27) * DAY, user=user, merchant=f"m{day % 4}", **fields)
        for day in range(0, 26)
    ]


# Amount probing


def rising(*amounts: float, every: float = 3.0, merchant: str = "shop", **fields: Any) -> list[bytes]:
    extra = ONLINE | fields
    return [paid(f"r{n}", amount, every * n, merchant=merchant, **extra) for n, amount in enumerate(amounts)]


def test_amounts_that_double_to_find_the_limit_are_found() -> None:
    assert found("amount_probing", *rising(4, 9, 20, 45)) == [("r0", "r1", "r2", "r3")]


def test_every_further_step_up_is_reported_too() -> None:
    assert len(found("amount_probing", *rising(4, 9, 20, 45, 95, 210))) == 3


def test_three_orders_that_grow_are_a_customer_who_liked_the_first() -> None:
    assert found("amount_probing", *rising(8, 25, 60)) == []


def test_a_game_that_sells_the_same_gem_again_and_again_is_no_probing() -> None:
    assert found("amount_probing", *rising(*[4.99] * 8)) == []


def test_a_day_in_town_that_gets_dearer_from_shop_to_shop_is_no_probing() -> None:
    day = [paid(f"d{n}", amount, 8 * n, merchant=f"shop{n}", **ONLINE) for n, amount in enumerate((3, 8, 25, 70, 180))]
    assert found("amount_probing", *day) == []


def test_a_parking_meter_that_is_fed_more_each_time_has_the_card() -> None:
    assert found("amount_probing", *rising(2, 4, 8, 16, **AT_THE_TILL)) == []


# Account takeover


def test_a_reset_then_a_new_payee_then_a_high_payment_is_a_takeover() -> None:
    story = [account_event("password_reset", 0), account_event("new_payee", 4), paid("out", 900.0, 9, **ONLINE)]
    assert found("account_takeover", *months_of_good_use(), *story) == [("out",)]


def test_a_new_device_then_a_payment_from_a_new_country_then_a_high_one_names_both_payments() -> None:
    abroad = [paid("try", 20.0, 5, location=MANILA, **ONLINE), paid("out", 700.0, 8, location=MANILA, **ONLINE)]
    story = [*months_of_good_use(location=VIENNA), account_event("new_device", 0), *abroad]
    assert found("account_takeover", *story) == [("try", "out")]


def test_every_high_payment_of_the_thief_is_reported() -> None:
    story = [account_event("new_device", 0), account_event("email_change", 1)]
    out = [paid(f"out{n}", 800.0, 5 + 5 * n, **ONLINE) for n in range(3)]
    assert found("account_takeover", *months_of_good_use(), *story, *out) == [("out0",), ("out1",), ("out2",)]


def test_a_new_phone_that_is_bought_and_used_is_no_takeover() -> None:
    phone = [paid("phone", 899.0, 0, **AT_THE_TILL), account_event("new_device", 30), account_event("login", 31)]
    use = [paid("coffee", 3.5, 40, device={"id": "new"}), paid("shoes", 240.0, 90, device={"id": "new"})]
    assert found("account_takeover", *months_of_good_use(), *phone, *use) == []


def test_a_forgotten_password_and_then_the_rent_are_no_takeover() -> None:
    story = [account_event("password_reset", 0), account_event("login", 1), paid("rent", 950.0, 20)]
    assert found("account_takeover", *months_of_good_use(), *story) == []


def test_a_new_address_after_a_move_and_the_furniture_the_next_day_are_no_takeover() -> None:
    story = [account_event("password_reset", 0), account_event("address_change", 3), paid("sofa", 1400.0, DAY)]
    assert found("account_takeover", *months_of_good_use(), *story) == []


# Impossible travel


def test_a_till_in_manila_twenty_minutes_after_one_in_vienna_is_impossible() -> None:
    story = [
        paid("home", 12.0, 0, location=VIENNA, **AT_THE_TILL),
        paid("far", 300.0, 20, location=MANILA, **AT_THE_TILL),
    ]
    assert found("impossible_travel", *story) == [("far",)]


def test_the_owner_who_pays_at_home_after_the_thief_did_abroad_is_no_thief() -> None:
    story = [
        paid("home", 12.0, 0, location=VIENNA, **AT_THE_TILL),
        paid("far", 30.0, 20, location=MANILA, **AT_THE_TILL),
    ]
    again = paid("again", 9.0, 40, location=VIENNA, **AT_THE_TILL)
    before = months_of_good_use(location=VIENNA)
    assert found("impossible_travel", *before, *story, again) == [("far",)]


def test_a_family_that_flies_on_holiday_takes_its_time() -> None:
    story = [paid("airport", 12.0, 0, location=VIENNA, **AT_THE_TILL)]
    story += [paid(f"beach{n}", 60.0, 15 * 60 + 20 * n, location=MANILA, **AT_THE_TILL) for n in range(5)]
    assert found("impossible_travel", *story) == []


def test_an_order_from_a_shop_abroad_needs_no_travel() -> None:
    story = [paid("home", 12.0, 0, location=VIENNA, **AT_THE_TILL), paid("web", 80.0, 5, location=MANILA, **ONLINE)]
    assert found("impossible_travel", *story) == []


def test_a_shop_whose_address_is_its_head_office_is_not_far_enough() -> None:
    story = [paid("a", 12.0, 0, location=VIENNA, **AT_THE_TILL), paid("b", 9.0, 2, location=SALZBURG, **AT_THE_TILL)]
    assert found("impossible_travel", *story) == []


# Velocity attack


def at_many_merchants(count: int, *, every: float = 0.5, **fields: Any) -> list[bytes]:
    extra = ONLINE | fields
    return [paid(f"v{n}", 40.0, every * n, merchant=f"m{n}", **extra) for n in range(count)]


def test_a_script_that_pays_at_five_merchants_in_minutes_is_found() -> None:
    assert found("velocity_attack", *at_many_merchants(5)) == [("v1", "v2", "v3", "v4")]


def test_and_all_that_it_pays_afterwards() -> None:
    assert len(found("velocity_attack", *at_many_merchants(9))) == 5


def test_a_family_on_holiday_that_shares_a_card_at_four_tills_is_no_attack() -> None:
    assert found("velocity_attack", *at_many_merchants(6, every=2.0, **AT_THE_TILL)) == []


def test_a_vending_machine_that_is_emptied_coin_by_coin_is_one_merchant() -> None:
    assert found("velocity_attack", *(paid(f"v{n}", 2.0, n / 2, merchant="snacks", **ONLINE) for n in range(12))) == []


def test_gifts_that_are_ordered_at_leisure_are_no_attack() -> None:
    assert found("velocity_attack", *at_many_merchants(8, every=6.0)) == []


# Merchant collusion


def test_a_ring_that_pays_round_amounts_in_turn_is_found_at_the_merchant() -> None:
    ring = [paid(f"c{n}", 100.0 * (n + 2), 25 * n, user=("ann", "bo", "cy")[n % 3], merchant="front") for n in range(4)]
    assert found("merchant_collusion", *ring) == [("c0", "c1", "c2"), ("c0", "c1", "c2", "c3")]


def test_a_cash_machine_has_round_amounts_from_many_users() -> None:
    """Most take fifty, a few take a hundred: by then it has given to more users than a ring has."""
    fifties = [paid(f"f{n}", 50.0, n, user=f"u{n}", merchant="cash") for n in range(41)]
    hundreds = [paid(f"h{n}", 100.0, 45 + n, user=f"v{n}", merchant="cash") for n in range(10)]
    assert found("merchant_collusion", *fifties, *hundreds) == []


def test_a_landlord_who_gets_the_rents_of_a_house_on_payday_is_paid_odd_amounts() -> None:
    rents = [paid(f"rent{n}", 640.0 + 35 * n, 10 * n, user=f"tenant{n}", merchant="landlord") for n in range(6)]
    assert found("merchant_collusion", *rents) == []


# Synthetic identity


def account(days: float) -> dict[str, Any]:
    return {"created_at": at(-days * DAY), "credit_limit": 2000.0}


def identity(name: str, minute: float, *, days: float = 1, jump: float = 900.0) -> list[bytes]:
    extra: dict[str, Any] = {"device": {"id": "tablet"}, "account": account(days), **ONLINE}
    small = [paid(f"{name}{n}", 8.0 + n, minute + 90 * n, user=name, **extra) for n in range(3)]
    return [*small, paid(f"{name}-jump", jump, minute + 300, user=name, **extra)]


def test_a_made_up_person_on_a_shared_device_is_found_at_the_jump() -> None:
    story = [*identity("ann", 0, jump=20.0), *identity("bo", 10)]
    assert found("synthetic_identity", *story) == [("bo0", "bo1", "bo2", "bo-jump")]


def test_the_payments_of_others_on_the_device_are_not_named() -> None:
    one, other = identity("ann", 0), identity("bo", 5)
    mixed = [record for pair in zip(one, other, strict=True) for record in pair]
    (first, second) = found("synthetic_identity", *mixed)
    assert first == ("ann0", "ann1", "ann2", "ann-jump")
    assert second == ("bo0", "bo1", "bo2", "bo-jump")


def test_a_family_tablet_whose_users_have_had_their_accounts_for_years_is_fine() -> None:
    story = [*identity("mum", 0, days=2000), *identity("dad", 5, days=1500)]
    assert found("synthetic_identity", *story) == []


def test_a_new_customer_who_buys_a_washing_machine_from_a_device_of_their_own_is_fine() -> None:
    assert found("synthetic_identity", *identity("ann", 0)) == []


# Bust-out


def good_customer() -> list[bytes]:
    return months_of_good_use(account=account(400))


def drawn(*amounts: float) -> list[bytes]:
    return [paid(f"b{n}", amount, 20 * n, merchant=f"big{n}", account=account(400)) for n, amount in enumerate(amounts)]


def test_months_of_good_use_and_then_the_limit_in_an_hour_are_a_bust_out() -> None:
    assert found("bust_out", *good_customer(), *drawn(400, 350, 450)) == [("b0", "b1", "b2")]


def test_payday_with_the_rent_and_two_bills_leaves_half_of_the_limit() -> None:
    assert found("bust_out", *good_customer(), *drawn(500, 180, 170)) == []


def test_one_expensive_holiday_is_one_payment() -> None:
    assert found("bust_out", *good_customer(), *drawn(1500)) == []


def test_a_family_on_holiday_spends_the_limit_over_a_week() -> None:
    week = [paid(f"h{n}", 280.0, n * DAY, merchant=f"hotel{n}", account=account(400)) for n in range(7)]
    assert found("bust_out", *good_customer(), *week) == []
