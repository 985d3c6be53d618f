"""The catalogue: every feature in column order: the user block, the device block, the merchant block.

Velocity features are lines of data below; the rest are single features. Names follow from the declarations, never from
a hand. The order is part of what a model was trained on: ``feature_hash`` changes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from state.profiles.shared_profile import LABEL_DELAY_MS
from udfs.features.feature import DAY_MS, HOUR_MS, MINUTE_MS, Risk, Velocity
from udfs.features.filters import DECLINED, WEB
from udfs.features.singles import USER_SINGLES

COMPUTATION_VERSION = 2  # raise it whenever a feature keeps its name and changes its value

USER_WINDOWS = (5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
SHARED_WINDOWS = (5 * MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS)
RISK_WINDOWS = (DAY_MS, 7 * DAY_MS, 30 * DAY_MS)

USER_VELOCITY = (
    Velocity("user", "transaction", "count", USER_WINDOWS),
    Velocity("user", "amount", "sum", USER_WINDOWS),
    Velocity("user", "amount", "mean", USER_WINDOWS),
    Velocity("user", "amount", "max", USER_WINDOWS),
    Velocity("user", "amount", "min", USER_WINDOWS),
    Velocity("user", "amount", "std", USER_WINDOWS),
    Velocity("user", "merchant", "distinct", USER_WINDOWS),
    Velocity("user", "amount", "rate", USER_WINDOWS),
    Velocity("user", "amount", "first", (HOUR_MS, DAY_MS)),
    Velocity("user", "transaction", "count", (HOUR_MS, DAY_MS, 7 * DAY_MS), DECLINED),
    Velocity("user", "amount", "last", (DAY_MS,), DECLINED),
    Velocity("user", "amount", "sum", (HOUR_MS, DAY_MS, 7 * DAY_MS), WEB),
)
DEVICE_VELOCITY = (
    Velocity("device", "transaction", "count", SHARED_WINDOWS),
    Velocity("device", "amount", "sum", SHARED_WINDOWS),
    Velocity("device", "user", "distinct", SHARED_WINDOWS),
    Velocity("device", "declined", "share", SHARED_WINDOWS),
)
DEVICE_RISK = Risk("device", RISK_WINDOWS, LABEL_DELAY_MS)
MERCHANT_VELOCITY = (
    Velocity("merchant", "transaction", "count", SHARED_WINDOWS),
    Velocity("merchant", "amount", "sum", SHARED_WINDOWS),
    Velocity("merchant", "user", "distinct", SHARED_WINDOWS),
    Velocity("merchant", "declined", "share", SHARED_WINDOWS),
)
MERCHANT_RISK = Risk("merchant", RISK_WINDOWS, LABEL_DELAY_MS)

USER_FEATURES = (*(f for velocity in USER_VELOCITY for f in velocity.features()), *USER_SINGLES)
DEVICE_FEATURES = tuple(
    replace(f, absent="device.id not given" + (f", or {f.absent}" if f.absent else ""))
    for declared in (*DEVICE_VELOCITY, DEVICE_RISK)
    for f in declared.features()
)
MERCHANT_FEATURES = tuple(f for declared in (*MERCHANT_VELOCITY, MERCHANT_RISK) for f in declared.features())
CATALOGUE = (*USER_FEATURES, *DEVICE_FEATURES, *MERCHANT_FEATURES)

USER_WIDTH = len(USER_FEATURES)
DEVICE_WIDTH = len(DEVICE_FEATURES)
MERCHANT_WIDTH = len(MERCHANT_FEATURES)
FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)


def feature_hash(names: Sequence[str] = FEATURE_NAMES) -> str:
    """Sixteen hexadecimal digits that differ when a name, the order or the computation behind the names differs."""
    text = "\n".join((f"computation {COMPUTATION_VERSION}", *names))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
