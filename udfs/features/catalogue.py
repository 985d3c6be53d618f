"""The catalogue of features in column order: the user block, the device block, the merchant block.

A model is trained on these names in this order: ``feature_hash`` changes with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from udfs.features.feature import Feature
from udfs.features.groups import GROUP_FEATURES
from udfs.features.risk import DEVICE_RISK, MERCHANT_RISK, Risk
from udfs.features.velocity import DEVICE_VELOCITY, MERCHANT_VELOCITY, USER_VELOCITY, Velocity

COMPUTATION_VERSION = 2
"""Raise it whenever a feature keeps its name and changes its value."""


def _features_of(declarations: Iterable[Velocity | Risk]) -> tuple[Feature, ...]:
    return tuple(feature for declaration in declarations for feature in declaration.features())


def _absent_without_device(feature: Feature) -> Feature:
    return replace(feature, absent=", or ".join(filter(None, ("device.id not given", feature.absent))))


USER_FEATURES = (*_features_of(USER_VELOCITY), *GROUP_FEATURES)
DEVICE_FEATURES = tuple(map(_absent_without_device, _features_of((*DEVICE_VELOCITY, DEVICE_RISK))))
MERCHANT_FEATURES = _features_of((*MERCHANT_VELOCITY, MERCHANT_RISK))
CATALOGUE = (*USER_FEATURES, *DEVICE_FEATURES, *MERCHANT_FEATURES)

USER_WIDTH = len(USER_FEATURES)
DEVICE_WIDTH = len(DEVICE_FEATURES)
MERCHANT_WIDTH = len(MERCHANT_FEATURES)
FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)


def feature_hash(names: Sequence[str] = FEATURE_NAMES) -> str:
    """Hash names, their order and the computation behind them to sixteen hexadecimal digits."""
    text = "\n".join((f"computation {COMPUTATION_VERSION}", *names))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
