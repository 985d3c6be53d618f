"""The names that conditions of rules may use: all features, and all fields of the payment."""

from __future__ import annotations

from collections.abc import Mapping

from udfs.conditions import Vocabulary
from udfs.vocabulary.field import FieldKind
from udfs.vocabulary.literals import literal
from udfs.vocabulary.payment_fields import LISTED, PAYMENT_FIELDS

TEXTS = frozenset(name for name, field in PAYMENT_FIELDS.items() if field.kind is FieldKind.TEXT)


def rule_vocabulary(features: Mapping[str, int]) -> Vocabulary:
    """The vocabulary of rules.

    Args:
        features: column number by name.
    """
    return Vocabulary(
        numbers=features.keys() | (PAYMENT_FIELDS.keys() - TEXTS),
        texts=TEXTS,
        listed={name: entity.value for name, entity in LISTED.items()},
        metadata=True,
        literal=literal,
    )
