"""The names that conditions of patterns may use beside the features: fields of the event itself.

Texts are given as codes (``udfs.conditions.codes``), flags as 1 and 0, and what is absent as NaN.
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


def _coded(text: str | None) -> float:
    return code_of(text) if text else _NAN


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _of_place(name: str) -> Field:
    """A field of the location of a transaction or an account event."""
    as_number = _coded if name in ("country", "city") else _number

    def value(event: Any) -> float:  # noqa: ANN401 - a transaction or an account event
        place = event.location
        return _NAN if place is None else as_number(getattr(place, name))

    return value


_PLACE: Mapping[str, Field] = {name: _of_place(name) for name in ("country", "city", "latitude", "longitude")}
# What every stage knows of a payment without reading its record again.
DIRECT: Mapping[str, Field] = {
    "kind": lambda _: code_of(TRANSACTION),
    "user_id": lambda payment: code_of(payment.user_id),
    "merchant_id": lambda payment: code_of(payment.merchant_id),
    "device_id": lambda payment: _coded(payment.device_id),
    "declined": lambda payment: float(payment.declined),
}
OF_TRANSACTIONS: Mapping[str, Field] = {
    **DIRECT,
    **_PLACE,
    "currency": lambda payment: code_of(payment.currency),
    "channel": lambda payment: _coded(payment.channel),
    "category": lambda payment: _coded(payment.merchant_category),
    "payment_method": lambda payment: _coded(payment.payment_method),
}
OF_ACCOUNT_EVENTS: Mapping[str, Field] = {
    **_PLACE,
    "kind": lambda event: code_of(event.kind),
    "device_id": lambda event: _coded(None if event.device is None else event.device.id),
}
TEXTS = frozenset(OF_TRANSACTIONS) - {"declined", "latitude", "longitude"}


def features_of(entity: Entity) -> tuple[str, ...]:
    """The features that are known in the entity's stage, in the order of its columns."""
    if entity is Entity.USER:
        return FEATURE_NAMES[:USER_WIDTH]
    return FEATURE_NAMES[: USER_WIDTH + DEVICE_WIDTH] if entity is Entity.DEVICE else FEATURE_NAMES
