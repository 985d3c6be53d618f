"""Read the fields that conditions name, and what they derive from them: prefixes, metadata and lists."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from udfs.conditions.derived_names import MetadataOf, MetadataUse, OnList, Prefix, parse_derived
from udfs.records.normal_form import normal_text as without_placeholder
from udfs.records.normal_form import number_of
from udfs.vocabulary.field import EventField, FieldKind, ReadFrom, normal_text
from udfs.vocabulary.payment_fields import ACCOUNT_EVENT_FIELDS, KIND, PAYMENT_FIELDS

_USES = {MetadataUse.TEXT: FieldKind.TEXT, MetadataUse.NUMBER: FieldKind.NUMBER, MetadataUse.ANY: FieldKind.FLAG}


@lru_cache(maxsize=65_536)
def payment_field(name: str) -> EventField:
    """The field of payments that a condition names, or that is derived from one.

    Raises:
        KeyError: there is none.
    """
    match parse_derived(name):
        case Prefix() as prefix:
            return _prefix(name, prefix, payment_field(prefix.name))
        case MetadataOf() as metadata:
            return _metadata(name, metadata)
        case OnList(listed, entity):
            member = f"{listed}:{entity}"
            return EventField(name, FieldKind.FLAG, ReadFrom.CARRIED, lambda payment: member in payment.lists)
    return KIND if name == KIND.name else PAYMENT_FIELDS[name]


def account_event_field(name: str) -> EventField | None:
    """The field of account events that a condition names, or that is derived from one; None if they have none."""
    match parse_derived(name):
        case Prefix() as prefix:
            base = account_event_field(prefix.name)
            return None if base is None else _prefix(name, prefix, base)
        case MetadataOf() as metadata:
            return _metadata(name, metadata)
    return ACCOUNT_EVENT_FIELDS.get(name)


def _prefix(name: str, prefix: Prefix, base: EventField) -> EventField:
    def value(event: Any) -> str | None:  # noqa: ANN401 - as in EventField
        text = base.value(event)
        return None if text is None else normal_text(text)[: prefix.length]

    return EventField(name, FieldKind.TEXT, base.source, value)


def _metadata(name: str, metadata: MetadataOf) -> EventField:
    key, use = metadata

    def value(event: Any) -> Any:  # noqa: ANN401 - as in EventField
        return None if event.metadata is None else metadata_value(event.metadata.get(key), use)

    return EventField(name, _USES[use], ReadFrom.RECORD, value)


def metadata_value(value: Any, use: MetadataUse) -> str | float | None:  # noqa: ANN401 - any JSON
    """Read a value of metadata: placeholders are absent, as are texts that are no number where one is due."""
    if isinstance(value, str):
        text = without_placeholder(value)
        if use is MetadataUse.ANY:
            return None if text is None else 1.0
        return text if use is MetadataUse.TEXT or text is None else number_of(text)
    if use is MetadataUse.ANY:
        return None if value is None else 1.0
    return None if use is MetadataUse.TEXT else float(value) if isinstance(value, bool) else number_of(value)
