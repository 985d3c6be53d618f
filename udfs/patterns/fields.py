"""The features that a pattern may use: those that are known in the stage of its entity."""

from __future__ import annotations

from udfs.features.catalogue import DEVICE_WIDTH, FEATURE_NAMES, USER_WIDTH
from udfs.patterns.pattern import Entity


def features_of(entity: Entity) -> tuple[str, ...]:
    """The features that the stage of an entity computes, in the order of its columns."""
    if entity is Entity.USER:
        return FEATURE_NAMES[:USER_WIDTH]
    return FEATURE_NAMES[: USER_WIDTH + DEVICE_WIDTH] if entity is Entity.DEVICE else FEATURE_NAMES
