"""The fields of payments and of account events, in their normal form.

A payment is a transaction, or what a stage message carries of it; the record of the latter is decoded again only where
a condition reads a field of ``ReadFrom.RECORD``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from udfs.names import ListedEntity
from udfs.vocabulary.field import EventField, FieldKind, ReadFrom

TRANSACTION = "transaction"
"""Kind of the events that are payments."""
LISTED: Mapping[str, ListedEntity] = {
    "user_id": ListedEntity.USER,
    "card_id": ListedEntity.CARD,
    "device_id": ListedEntity.DEVICE,
    "merchant_id": ListedEntity.MERCHANT,
    "country": ListedEntity.COUNTRY,
    "device_ip": ListedEntity.NETWORK,
}
"""Kind of the entity by the field that names it: what ``in list('name')`` may look for."""


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda event: getattr(event, name)


def _of(part: str, name: str) -> Callable[[Any], Any]:
    """Make a reader of an attribute of an optional part of an event: its location or device."""

    def value(event: Any) -> Any:  # noqa: ANN401 - a transaction or an account event
        owner = getattr(event, part)
        return None if owner is None else getattr(owner, name)

    return value


def _carried(kind: FieldKind, *names: str) -> list[EventField]:
    return [EventField(name, kind, ReadFrom.CARRIED, _attribute(name)) for name in names]


def _recorded(kind: FieldKind, *names: str) -> list[EventField]:
    return [EventField(name, kind, ReadFrom.RECORD, _attribute(name)) for name in names]


def _location() -> list[EventField]:
    kinds = {"country": FieldKind.TEXT, "city": FieldKind.TEXT}
    kinds |= {"latitude": FieldKind.NUMBER, "longitude": FieldKind.NUMBER}
    return [EventField(name, kind, ReadFrom.RECORD, _of("location", name)) for name, kind in kinds.items()]


def _device() -> list[EventField]:
    names = {"device_ip": "ip", "device_user_agent": "user_agent"}
    return [EventField(name, FieldKind.TEXT, ReadFrom.RECORD, _of("device", part)) for name, part in names.items()]


def _by_name(*fields: EventField) -> Mapping[str, EventField]:
    return {field.name: field for field in fields}


PAYMENT_FIELDS: Mapping[str, EventField] = _by_name(
    *_carried(FieldKind.TEXT, "user_id", "merchant_id", "device_id"),
    *_carried(FieldKind.FLAG, "declined"),
    *_carried(FieldKind.NUMBER, "event_time"),
    *_recorded(FieldKind.TEXT, "merchant_category", "channel", "payment_method", "card_id", "currency"),
    *_location(),
    *_device(),
)
"""Fields of payments by name."""

ACCOUNT_EVENT_FIELDS: Mapping[str, EventField] = _by_name(
    *_carried(FieldKind.TEXT, "kind", "user_id"),
    *_carried(FieldKind.NUMBER, "event_time"),
    EventField("device_id", FieldKind.TEXT, ReadFrom.CARRIED, _of("device", "id")),
    *_location(),
    *_device(),
)
"""Fields of account events by name."""

KIND = EventField("kind", FieldKind.TEXT, ReadFrom.CARRIED, lambda _: TRANSACTION)
"""The kind of a payment among the events of a pattern."""
