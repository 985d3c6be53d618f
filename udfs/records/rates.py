"""Amounts in one reference currency, by a dated table of rates: 12,000 yen are a lunch and 9,900 dinars are a car.

Rates serve to compare amounts with thresholds, not to book them, so a table that is some months old does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec

from udfs.records.currencies import CURRENCIES


class RatesInvalidError(ValueError):
    """A table of rates cannot be used; the message names the currency and the fault."""


@dataclass(frozen=True)
class Rates:
    """Rates of one day.

    Attributes:
        reference: currency that amounts are converted to.
        day: of the rates.
        per_unit: by currency, how much of it one unit of the reference is worth.

    Raises:
        RatesInvalidError: a currency is not in ISO 4217, or a rate is not above zero.
    """

    reference: str
    day: date
    per_unit: Mapping[str, float]

    def __post_init__(self) -> None:
        for currency, rate in {self.reference: 1.0, **self.per_unit}.items():
            if currency not in CURRENCIES:
                raise RatesInvalidError(f"{currency!r} is no currency of ISO 4217: write its code of three letters")
            if not 0 < rate < float("inf"):
                raise RatesInvalidError(f"the rate of {currency} is {rate}: write a number above zero")
        if self.per_unit.get(self.reference, 1.0) != 1.0:
            raise RatesInvalidError(f"the rate of {self.reference}, the reference itself, must be 1")

    def rebased(self, reference: str) -> Rates:
        """The same rates with another reference currency.

        Raises:
            RatesInvalidError: the table has no rate of it.
        """
        if reference == self.reference:
            return self
        if reference not in self.per_unit:
            raise RatesInvalidError(f"there is no rate of {reference!r} to {self.reference}: give one, or all rates")
        unit = self.per_unit[reference]
        rates = {self.reference: 1.0, **self.per_unit}
        return Rates(reference, self.day, {name: rate / unit for name, rate in rates.items() if name != reference})


class Conversion(msgspec.Struct, frozen=True, gc=False):
    """How the amount of a payment was converted.

    Attributes:
        amount: as the record says it.
        currency: of that amount.
        reference: currency of the converted amount.
        rates_of: day of the rates, ISO 8601.
    """

    amount: float
    currency: str
    reference: str
    rates_of: str


def to_reference(amount: float, currency: str, rates: Rates) -> float | None:
    """Convert an amount to the reference currency; None if the table lacks the currency.

    An amount in the reference currency is returned as it is, to the last bit.
    """
    if currency == rates.reference:
        return amount
    rate = rates.per_unit.get(currency)
    return None if rate is None else amount / rate


RATES = Rates(
    reference="EUR",
    day=date(2025, 6, 30),
    per_unit={
        "AED": 4.30,
        "ARS": 1400.0,
        "AUD": 1.79,
        "BHD": 0.442,
        "BRL": 6.44,
        "CAD": 1.60,
        "CHF": 0.935,
        "CLP": 1095.0,
        "CNY": 8.40,
        "COP": 4800.0,
        "CZK": 24.7,
        "DKK": 7.46,
        "EGP": 58.0,
        "GBP": 0.855,
        "HKD": 9.20,
        "HUF": 400.0,
        "IDR": 19000.0,
        "ILS": 3.95,
        "INR": 100.5,
        "ISK": 142.0,
        "JOD": 0.83,
        "JPY": 169.0,
        "KES": 151.0,
        "KRW": 1588.0,
        "KWD": 0.358,
        "MAD": 10.57,
        "MXN": 22.1,
        "MYR": 4.93,
        "NAD": 20.8,
        "NGN": 1800.0,
        "NOK": 11.83,
        "NZD": 1.93,
        "OMR": 0.451,
        "PEN": 4.15,
        "PHP": 66.1,
        "PKR": 333.0,
        "PLN": 4.24,
        "QAR": 4.27,
        "RON": 5.08,
        "RSD": 117.2,
        "SAR": 4.39,
        "SEK": 11.14,
        "SGD": 1.49,
        "THB": 38.1,
        "TND": 3.39,
        "TRY": 46.6,
        "TWD": 34.2,
        "UAH": 48.9,
        "USD": 1.17,
        "VND": 30600.0,
        "ZAR": 20.8,
    },
)
"""Approximate rates of central banks, to three digits."""
