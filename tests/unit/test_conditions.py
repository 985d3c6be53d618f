"""What a fraud engineer can write in a condition, and what it means when a value is absent."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from udfs.conditions import compile_condition, grammar

NAMES = ("amount", "user_amount_zscore", "user_merchant_new")
ABSENT = math.nan


def holds(condition: str, amount: float = 600.0, zscore: float = 2.0, new: float = 1.0) -> bool:
    """Whether a condition holds for one payment."""
    (found,) = compile_condition(condition, NAMES)(np.array([[amount, zscore, new]])).tolist()
    assert isinstance(found, bool)
    return found


def test_each_row_of_a_batch_is_evaluated_by_itself() -> None:
    batch = np.array([[600.0, 0, 1], [600.0, 0, 0], [500.0, 0, 1], [ABSENT, 0, 1]])
    condition = compile_condition("user_merchant_new == 1 and amount > 500", NAMES)
    assert condition(batch).tolist() == [True, False, False, False]


def test_an_empty_batch_has_no_results() -> None:
    assert compile_condition("amount > 500", NAMES)(np.empty((0, 3))).tolist() == []


def test_a_condition_about_nothing_in_the_payment_is_the_same_for_all() -> None:
    assert compile_condition("1 > 0", NAMES)(np.zeros((3, 3))).tolist() == [True, True, True]
    assert compile_condition("not 1 > 0", NAMES)(np.zeros((2, 3))).tolist() == [False, False]


@pytest.mark.parametrize(
    "condition",
    [
        "amount >= 600 and amount <= 600 and amount == 600",
        "amount != 500",
        "500 < amount < 1000",
        "1_000 > amount",
        "amount + 2 * 3 == 606",
        "(amount + 2) * 3 == 1806",
        "amount - 100 - 100 == 400",
        "amount / 2 / 3 == 100",
        "-amount < 0",
        "-amount + 1 == -599",
        "min(amount, 1000) == 600 and max(amount, 1000) == 1000",
        "abs(0 - amount) == 600",
        "log(amount) > 6.39 and log(amount) < 6.4",
        "not amount > 1000",
        "amount > 1000 or amount > 500 and user_merchant_new == 1",
        "not amount > 1000 and amount > 500",
        "amount > 500  # not with the words for it: größer als",
        "amount > 500\n  and user_merchant_new == 1\n\n",
        "  (((amount > 500)))",
        "amount > 5e2",
    ],
)
def test_it_means_what_it_looks_like(condition: str) -> None:
    assert holds(condition)


# Absent


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_no_comparison_with_an_absent_value_is_true(operator: str) -> None:
    assert not holds(f"user_amount_zscore {operator} 5", zscore=ABSENT)
    assert not holds(f"5 {operator} user_amount_zscore", zscore=ABSENT)
    assert not holds(f"user_amount_zscore {operator} user_amount_zscore", zscore=ABSENT)


def test_so_the_negation_of_one_is() -> None:
    assert holds("not user_amount_zscore > 5", zscore=ABSENT)
    assert not holds("not user_amount_zscore > 5 and not is_absent(user_amount_zscore)", zscore=ABSENT)


def test_is_absent_tests_for_absence() -> None:
    assert holds("is_absent(user_amount_zscore)", zscore=ABSENT)
    assert not holds("is_absent(user_amount_zscore)", zscore=0.0)


@pytest.mark.parametrize(
    "value",
    [
        *("user_amount_zscore + 1", "user_amount_zscore * 0", "-user_amount_zscore", "abs(user_amount_zscore)"),
        *("min(user_amount_zscore, 1)", "max(1, user_amount_zscore)", "log(user_amount_zscore)"),
    ],
)
def test_what_is_computed_from_an_absent_value_is_absent(value: str) -> None:
    assert holds(f"is_absent({value})", zscore=ABSENT)


@pytest.mark.parametrize("value", ["0 / (amount - amount)", "log(0 - amount)"])
def test_what_cannot_be_computed_is_absent(value: str) -> None:
    assert holds(f"is_absent({value})")


def test_a_share_of_nothing_is_beyond_every_number() -> None:
    assert holds("amount / (amount - amount) > 1e300")
    assert holds("log(amount - amount) < -1e300")


# The documentation


def test_the_examples_of_the_parser_hold() -> None:
    assert doctest.testmod(grammar) == (0, 4)
