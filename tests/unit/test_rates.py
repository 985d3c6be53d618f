"""Amounts are compared in one currency: lunch in yen is no car, and a car in dinars is no lunch."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import pytest

from flink_jobs.settings import Settings, SettingsError, load_settings
from tests.records import LIMITS, NOW_MS, PAYMENT, json_of
from udfs.names import Refused
from udfs.records.limits import Limits
from udfs.records.rates import RATES, Conversion, Rates, RatesInvalidError, to_reference
from udfs.records.refusal import Refusal
from udfs.records.transaction import Transaction, decode_transaction

DAY = date(2026, 1, 2)


def converted(limits: Limits, **fields: Any) -> Transaction:
    read = decode_transaction(json_of(PAYMENT, fields), b"alice", NOW_MS, limits)
    assert not isinstance(read, Refusal)
    return read


WITH_RATES = LIMITS
WITHOUT_RATES = Limits(rates=None)


def test_lunch_in_yen_and_a_car_in_dinars_are_distinguished() -> None:
    assert converted(WITH_RATES, amount=12_000, currency="JPY").amount == pytest.approx(71, rel=0.2)
    assert converted(WITH_RATES, amount=9_900, currency="KWD").amount == pytest.approx(27_650, rel=0.2)


@pytest.mark.parametrize("amount", [0.1, 42.5, 1e9, 5e-324, 0.0])
def test_amounts_in_the_reference_are_the_same_to_the_last_bit(amount: float) -> None:
    assert converted(WITH_RATES, amount=amount, currency="eur") == converted(WITHOUT_RATES, amount=amount)


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
    payment = converted(WITHOUT_RATES, amount=12_000, currency="JPY")
    assert (payment.amount, payment.conversion) == (12_000, None)
    assert to_reference(5.0, "USD", Rates("EUR", DAY, {})) is None


@pytest.mark.parametrize("per_unit", [{"XYZ": 1.0}, {"usd": 1.0}, {"USD": 0.0}, {"USD": float("nan")}, {"EUR": 2.0}])
def test_a_table_with_a_fault_is_refused(per_unit: dict[str, float]) -> None:
    with pytest.raises(RatesInvalidError):
        Rates("EUR", DAY, per_unit)


def test_a_converted_amount_says_what_it_was_and_of_which_day_the_rates_are() -> None:
    assert converted(WITH_RATES, amount=12_000, currency="jpy").conversion == Conversion(
        12_000, "JPY", "EUR", RATES.day.isoformat()
    )
    assert converted(WITH_RATES, amount=5.0).conversion is None


@pytest.mark.parametrize("said", [{"amount": 1, "currency": "USD", "reference": "EUR", "rates_of": "x"}, 5, "EUR", []])
def test_a_record_cannot_say_itself_how_it_was_converted(said: object) -> None:
    assert converted(WITH_RATES, conversion=said).conversion is None


def test_with_another_reference_two_amounts_keep_their_proportion() -> None:
    dollars = RATES.rebased("USD")
    euros, yen = to_reference(100.0, "EUR", dollars), to_reference(12_000.0, "JPY", dollars)
    assert euros == pytest.approx(100 * RATES.per_unit["USD"])
    assert yen == pytest.approx(12_000 / RATES.per_unit["JPY"] * RATES.per_unit["USD"])
    assert to_reference(7.0, "USD", dollars) == 7.0
    with pytest.raises(RatesInvalidError, match="XPF"):
        RATES.rebased("XPF")


def test_rates_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().limits.rates == RATES
    monkeypatch.setenv("SENTINEL_CURRENCY__REFERENCE", "USD")
    monkeypatch.setenv("SENTINEL_CURRENCY__RATES_OF", "2026-11-30")
    with pytest.raises(SettingsError, match="give per_unit"):
        load_settings()
    monkeypatch.setenv("SENTINEL_CURRENCY__PER_UNIT", '{"EUR": 0.5}')
    assert load_settings().limits.rates == Rates("USD", date(2026, 11, 30), {"EUR": 0.5})
    monkeypatch.setenv("SENTINEL_CURRENCY__PER_UNIT", '{"EURO": 0.5}')
    with pytest.raises(SettingsError, match="EURO"):
        load_settings()


def test_an_amount_is_absurd_by_what_it_is_worth() -> None:
    assert converted(Limits(rates=RATES), amount=2e9, currency="VND").amount == pytest.approx(65_000, rel=0.2)
    for rates, amount in ((RATES, 9e8), (Rates("EUR", DAY, {"KWD": sys.float_info.min}), 5.0)):
        payment = json_of(PAYMENT, {"amount": amount, "currency": "KWD"})
        read = decode_transaction(payment, b"alice", NOW_MS, Limits(rates=rates))
        assert isinstance(read, Refusal)
        assert (read.reason, "KWD" in read.detail) == (Refused.AMOUNT_ABSURD, True)
