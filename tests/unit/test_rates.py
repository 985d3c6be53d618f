"""Amounts are compared in one currency: lunch in yen is no car, and a car in dinars is no lunch."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.records import LIMITS, NOW_MS, PAYMENT, json_of
from udfs.records.limits import Limits
from udfs.records.rates import RATES, Rates, RatesInvalidError, to_reference
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

DAY = date(2026, 1, 2)


def converted(limits: Limits, **fields: Any) -> Transaction:
    read = decode_transaction(json_of(PAYMENT, fields), b"alice", NOW_MS, limits)
    assert not isinstance(read, Refusal)
    return read


WITH_RATES = Limits(rates=RATES)


def test_lunch_in_yen_and_a_car_in_dinars_are_distinguished() -> None:
    assert converted(WITH_RATES, amount=12_000, currency="JPY").amount == pytest.approx(71, rel=0.2)
    assert converted(WITH_RATES, amount=9_900, currency="KWD").amount == pytest.approx(27_650, rel=0.2)


@pytest.mark.parametrize("amount", [0.1, 42.5, 1e9, 5e-324, 0.0])
def test_amounts_in_the_reference_are_the_same_to_the_last_bit(amount: float) -> None:
    assert converted(WITH_RATES, amount=amount, currency="eur") == converted(LIMITS, amount=amount)


def test_the_share_of_the_credit_limit_does_not_depend_on_the_currency() -> None:
    payment = converted(WITH_RATES, amount=500, currency="JPY", account={"credit_limit": 1_000})
    assert payment.account is not None
    assert payment.account.credit_limit is not None
    assert payment.amount / payment.account.credit_limit == pytest.approx(0.5)


def test_a_currency_without_a_rate_is_named_and_its_amount_kept() -> None:
    for currency in ("XPF", "BTC"):
        payment = converted(WITH_RATES, amount=7, currency=currency)
        assert (payment.amount, payment.ignored) == (7.0, ("currency",))


def test_without_rates_amounts_stay_as_they_are() -> None:
    assert converted(LIMITS, amount=12_000, currency="JPY").amount == 12_000
    assert to_reference(5.0, "USD", Rates("EUR", DAY, {})) is None


@pytest.mark.parametrize("per_unit", [{"XYZ": 1.0}, {"usd": 1.0}, {"USD": 0.0}, {"USD": float("nan")}, {"EUR": 2.0}])
def test_a_table_with_a_fault_is_refused(per_unit: dict[str, float]) -> None:
    with pytest.raises(RatesInvalidError):
        Rates("EUR", DAY, per_unit)
