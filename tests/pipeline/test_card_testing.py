"""Card testing is found; what only looks like it is left alone."""

from __future__ import annotations

import pytest

from tests.matching import found as found_by
from tests.pipeline.sent import paid as payment


def found(payments: list[bytes]) -> list[tuple[str, ...]]:
    """What the pattern finds in one user's payments, in their order of arrival."""
    return found_by("card_testing", *payments)


def attack() -> list[bytes]:
    return [
        payment("test1", 1.00, minute=0, card_present=False, metadata={"declined": True}),
        payment("test2", 1.50, minute=2, card_present=False, metadata={"declined": True}),
        payment("test3", 0.90, minute=3, card_present=False),
        payment("cash-in", 480.00, minute=10, card_present=False),
    ]


# The attack


def test_small_payments_and_then_a_large_one_are_found_and_named() -> None:
    assert found(attack()) == [("test1", "test2", "test3", "cash-in")]


def test_the_match_comes_with_the_large_payment_not_before() -> None:
    assert found(attack()[:3]) == []


def test_ordinary_payments_of_the_owner_in_between_hide_nothing() -> None:
    test1, test2, test3, cash_in = attack()
    owners = payment("groceries", 42.00, minute=2.5, card_present=True)
    assert found([test1, test2, owners, test3, cash_in]) == [("test1", "test2", "test3", "cash-in")]


def test_every_further_large_payment_within_the_hour_is_found_too() -> None:
    again = payment("cash-in-again", 700.00, minute=40)
    tests = ("test1", "test2", "test3")
    assert found([*attack(), again]) == [(*tests, "cash-in"), (*tests, "cash-in-again")]


def test_the_tests_are_named_and_an_old_small_payment_is_not() -> None:
    app = payment("app-store", 0.99, minute=-45)
    assert found([app, *attack()]) == [("test1", "test2", "test3", "cash-in")]


def test_where_nothing_is_said_about_the_card_it_counts_as_absent() -> None:
    bare = [payment("a", 2.0, 0), payment("b", 2.0, 1), payment("c", 2.0, 2), payment("d", 100.0, 3)]
    assert found(bare) == [("a", "b", "c", "d")]


# Its harmless twins


def test_a_vending_machine_and_then_the_rent_are_no_attack() -> None:
    snacks = [payment(f"snack{i}", 1.5, minute=i, card_present=True) for i in range(4)]
    assert found([*snacks, payment("rent", 900.0, minute=20)]) == []


def test_a_coffee_and_then_a_train_ticket_are_no_attack() -> None:
    coffee, water = payment("coffee", 3.2, minute=0), payment("water", 1.8, minute=4)
    assert found([coffee, water, payment("train", 129.0, minute=9)]) == []


def test_streaming_fees_over_the_day_and_then_a_television_are_no_attack() -> None:
    fees = [payment(f"fee{i}", 4.99, minute=20 * i) for i in range(4)]
    assert found([*fees, payment("television", 600.0, minute=65)]) == []


def test_small_purchases_in_a_game_and_nothing_large_are_no_attack() -> None:
    assert found([payment(f"gem{i}", 0.99, minute=i) for i in range(20)] + [payment("shoes", 99.99, minute=21)]) == []


def test_a_large_payment_long_after_the_small_ones_is_no_attack() -> None:
    small = [payment(f"gem{i}", 0.99, minute=i) for i in range(3)]
    assert found([*small, payment("shoes", 150.0, minute=61)]) == []


def test_a_large_payment_before_the_small_ones_is_no_attack() -> None:
    assert found([payment("shoes", 150.0, minute=-1), *attack()[:3]]) == []


# The borders


@pytest.mark.parametrize(("third_small_at", "matches"), [(16, 1), (16.001, 0)])
def test_a_quarter_of_an_hour_lies_between_two_tests_at_most(third_small_at: float, matches: int) -> None:
    small = [payment("a", 5.0, 0), payment("b", 5.0, 1), payment("c", 5.0, third_small_at)]
    assert len(found([*small, payment("d", 100.0, 31)])) == matches


@pytest.mark.parametrize(("large_at", "matches"), [(60, 1), (60.001, 0)])
def test_the_whole_attack_lasts_an_hour_at_most(large_at: float, matches: int) -> None:
    small = [payment("a", 5.0, 0), payment("b", 5.0, 1), payment("c", 5.0, 2)]
    assert len(found([*small, payment("d", 100.0, large_at)])) == matches


@pytest.mark.parametrize(("small", "large", "matches"), [(5.0, 100.0, 1), (5.01, 100.0, 0), (5.0, 99.99, 0)])
def test_small_is_up_to_five_and_large_from_a_hundred(small: float, large: float, matches: int) -> None:
    tests = [payment(str(i), small, i) for i in range(3)]
    assert len(found([*tests, payment("large", large, 5)])) == matches


# Disorder


def test_a_test_that_arrives_after_the_large_payment_still_completes_the_pattern() -> None:
    test1, test2, test3, cash_in = attack()
    assert found([test1, test3, cash_in, test2]) == [("test1", "test2", "test3", "cash-in")]


def test_a_late_test_that_completes_two_large_payments_tells_both() -> None:
    test1, test2, test3, cash_in = attack()
    again = payment("cash-in-again", 700.0, minute=40)
    tests = ("test1", "test2", "test3")
    assert found([test1, test3, cash_in, again, test2]) == [(*tests, "cash-in"), (*tests, "cash-in-again")]


def test_an_attack_is_reported_once_however_many_tests_arrive_late() -> None:
    test4 = payment("test4", 1.0, minute=4)
    assert found([*attack(), test4]) == [("test1", "test2", "test3", "cash-in")]


def test_a_payment_that_arrives_twice_is_counted_once() -> None:
    test1, test2, _, cash_in = attack()
    assert found([test1, test2, test2, test2, cash_in]) == []
