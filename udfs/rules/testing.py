"""Run the tests that stand beside rules: values of one payment in, and whether the condition holds out.

A test looks at the condition alone: not at the mode of the rule, and not at when it is valid.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.conditions import parse_condition
from udfs.records.normal_form import normal_identifier
from udfs.records.optional_fields import Device, Location, normalize
from udfs.records.transaction import Transaction
from udfs.rules.rule import Rule, RuleTest
from udfs.rules.rule_set import RuleSet
from udfs.rules.vocabulary import TEXTS, rule_vocabulary
from udfs.vocabulary.payment_conditions import PaymentBatch, PaymentConditions
from udfs.vocabulary.payment_fields import PAYMENT_FIELDS

LISTS = "lists"
METADATA = "metadata."
_LOCATION = frozenset(Location.__struct_fields__)
_DEVICE = {"device_id": "id", "device_ip": "ip", "device_user_agent": "user_agent"}


class GivenError(ValueError):
    """What a test gives is no value of a payment; the message says what to write."""


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """The result of one test of a rule.

    Attributes:
        rule: id of the rule.
        name: of the test, or its number from 1.
        expected: ``fires`` or ``silent``.
        found: the same, or why the test cannot be run.
    """

    rule: str
    name: str
    expected: str
    found: str

    def __str__(self) -> str:
        """One line for a person."""
        found = self.found if self.found in ("fires", "silent") else f"an error: {self.found}"
        return f"rule {self.rule}, test {self.name}: expected {self.expected}, found {found}"

    @property
    def passed(self) -> bool:
        """Whether the condition did what is expected."""
        return self.expected == self.found


class _TestPayment(Transaction):
    """The payment that a test describes; what it does not give is absent."""

    lists: tuple[str, ...] = ()


def run_tests(rules: RuleSet, features: Mapping[str, int]) -> list[RuleTestResult]:
    """Run all tests of all rules, in order.

    Args:
        rules: a loaded set.
        features: column number by name of the feature, as the set was loaded with.
    """
    return [result for rule in rules.all if rule.tests for result in _results(rule, features)]


def _results(rule: Rule, features: Mapping[str, int]) -> list[RuleTestResult]:
    conditions = PaymentConditions([parse_condition(rule.when, rule_vocabulary(features))], features)
    return [
        RuleTestResult(rule.id, test.name or str(number), test.expect, _found(conditions, test, features))
        for number, test in enumerate(rule.tests, 1)
    ]


def _found(conditions: PaymentConditions, test: RuleTest, features: Mapping[str, int]) -> str:
    try:
        row, payment = given_payment(test.given, features)
    except GivenError as error:
        return str(error)
    return "fires" if conditions.evaluate(row, PaymentBatch([payment])).indices.size else "silent"


def given_payment(values: Mapping[str, Any], features: Mapping[str, int]) -> tuple[NDArray[np.float64], Transaction]:
    """The features, (1, F), and the payment of a test.

    Args:
        values: by name, as ``RuleTest.given``.
        features: column number by name.

    Raises:
        GivenError: a name or a value cannot be.
    """
    row = np.full((1, len(features)), math.nan)
    payment = _TestPayment("", "", 0.0, "", "", 0, location=Location(), device=Device(), metadata={})
    for name, value in values.items():
        if value is None:
            continue
        if name in features:
            row[0, features[name]] = _number(name, value)
        else:
            _setter(name, features)(payment, value)
    ignored: list[str] = []
    normalize(payment, ignored)
    wrong = next((name for name in ignored if name.startswith(("location", "device", "card"))), None)
    if wrong is not None:
        raise GivenError(f"{wrong} cannot be this: a payment with it has none")
    payment.user_id, payment.merchant_id = normal_identifier(payment.user_id), normal_identifier(payment.merchant_id)
    return row, payment


def _setter(name: str, features: Mapping[str, int]) -> Callable[[_TestPayment, Any], None]:
    """The function that puts the value of a field into a payment."""
    if name == LISTS:
        return _set_lists
    if name.startswith(METADATA):
        return partial(_set_metadata, name.removeprefix(METADATA))
    if name == "declined":
        return _set_declined
    if name not in PAYMENT_FIELDS:
        close = difflib.get_close_matches(name[:64], [*features, *PAYMENT_FIELDS, LISTS], n=1)
        raise GivenError(f"unknown name {name[:64]!r}" + (f"; do you mean {close[0]!r}?" if close else ""))
    return partial(_set_field, name)


def _set_field(name: str, payment: _TestPayment, value: Any) -> None:  # noqa: ANN401 - any YAML
    value = _text(name, value) if name in TEXTS else _number(name, value)
    if name in _LOCATION:
        setattr(payment.location, name, value)
    elif name in _DEVICE:
        setattr(payment.device, _DEVICE[name], value)
    else:
        setattr(payment, name, value)


def _set_lists(payment: _TestPayment, value: Any) -> None:  # noqa: ANN401 - any YAML
    if not isinstance(value, list) or not all(isinstance(one, str) and ":" in one for one in value):
        raise GivenError("lists are texts such as vip:user, the name of a list and what it lists")
    payment.lists = tuple(value)


def _set_metadata(key: str, payment: _TestPayment, value: Any) -> None:  # noqa: ANN401 - any YAML
    assert payment.metadata is not None
    payment.metadata[key] = value


def _set_declined(payment: _TestPayment, value: Any) -> None:  # noqa: ANN401 - any YAML
    _set_metadata("declined", payment, bool(_number("declined", value)))


def _number(name: str, value: Any) -> float:  # noqa: ANN401 - any YAML
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        raise GivenError(f"{name} is a number, not {value!r:.64}")
    try:
        return float(value)
    except OverflowError:
        raise GivenError(f"{name} is too large") from None


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - any YAML
    if not isinstance(value, str):
        raise GivenError(f"{name} is a text, not {value!r:.64}: put it in quotes")
    return value
