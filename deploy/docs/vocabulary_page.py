"""The reference of the names that conditions may use, from the declarations of the fields."""

from __future__ import annotations

from typing import Any

from deploy.docs.markdown import code, table
from deploy.docs.words import texts
from udfs.features.catalogue import FEATURE_NAMES
from udfs.vocabulary.field import EventField, ReadFrom
from udfs.vocabulary.payment_fields import ACCOUNT_EVENT_FIELDS, KIND, LISTED, PAYMENT_FIELDS

FIELDS = {**PAYMENT_FIELDS, KIND.name: KIND}


def usable_in(field: EventField) -> str:
    """Where a field can be used, in few words."""
    if field.name == KIND.name:
        return "patterns; account events as well"
    return "rules, patterns; account events as well" if field.name in ACCOUNT_EVENT_FIELDS else "rules, patterns"


def context() -> dict[str, Any]:
    """What the template of the page needs."""
    meanings = texts("vocabulary", "fields", FIELDS)
    return {
        "features": len(FEATURE_NAMES),
        "fields": table(
            ("EventField", "Type", "Meaning", "Where"),
            ((code(name), field.kind.value, meanings[name], usable_in(field)) for name, field in FIELDS.items()),
        ),
        "carried": ", ".join(code(name) for name, each in PAYMENT_FIELDS.items() if each.source is ReadFrom.CARRIED),
        "listed": table(
            ("Condition", "Entity of the list"),
            ((code(f"{name} in list('vip')"), code(entity.value)) for name, entity in LISTED.items()),
        ),
    }
