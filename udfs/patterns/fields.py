"""Read the fields of events that conditions of patterns may use in addition to the features.

Texts are read as codes (``udfs.conditions.codes``), flags as 1 and 0, and absent values as NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from udfs.conditions import code_of
from udfs.features.catalogue import DEVICE_WIDTH, FEATURE_NAMES, USER_WIDTH
from udfs.patterns.pattern import TRANSACTION, Entity

Field = Callable[[Any], float]

_NAN = math.nan


def _code_or_nan(text: str | None) -> float:
    return code_of(text) if text else _NAN


def _number_or_nan(value: float | None) -> float:
    return _NAN if value is None else value


def _location_field(name: str) -> Field:
    """Make a reader of a location field of a transaction or an account event."""
    convert = _code_or_nan if name in ("country", "city") else _number_or_nan

    def value(event: Any) -> float:  # noqa: ANN401 - a transaction or an account event
        location = event.location
        return _NAN if location is None else convert(getattr(location, name))

    return value


_LOCATION_FIELDS: Mapping[str, Field] = {
    name: _location_field(name) for name in ("country", "city", "latitude", "longitude")
}
CARRIED_FIELDS: Mapping[str, Field] = {
    "kind": lambda _: code_of(TRANSACTION),
    "user_id": lambda payment: code_of(payment.user_id),
    "merchant_id": lambda payment: code_of(payment.merchant_id),
    "device_id": lambda payment: _code_or_nan(payment.device_id),
    "declined": lambda payment: float(payment.declined),
}
"""Fields of a payment that stage messages carry, so that its record need not be decoded again."""

TRANSACTION_FIELDS: Mapping[str, Field] = {
    **CARRIED_FIELDS,
    **_LOCATION_FIELDS,
    "currency": lambda payment: code_of(payment.currency),
    "channel": lambda payment: _code_or_nan(payment.channel),
    "category": lambda payment: _code_or_nan(payment.merchant_category),
    "payment_method": lambda payment: _code_or_nan(payment.payment_method),
}
ACCOUNT_EVENT_FIELDS: Mapping[str, Field] = {
    **_LOCATION_FIELDS,
    "kind": lambda event: code_of(event.kind),
    "device_id": lambda event: _code_or_nan(None if event.device is None else event.device.id),
}
TEXT_FIELDS = frozenset(TRANSACTION_FIELDS) - {"declined", "latitude", "longitude"}


def features_of(entity: Entity) -> tuple[str, ...]:
    """The features that the stage of an entity computes, in the order of its columns."""
    if entity is Entity.USER:
        return FEATURE_NAMES[:USER_WIDTH]
    return FEATURE_NAMES[: USER_WIDTH + DEVICE_WIDTH] if entity is Entity.DEVICE else FEATURE_NAMES
