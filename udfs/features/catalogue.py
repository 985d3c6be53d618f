"""The catalogue: every feature in column order, the user block first and then the merchant block.

Velocity features are lines of data below; the rest are single features. Names follow from the declarations, never from
a hand. The order is part of what a model was trained on: ``feature_hash`` changes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from udfs.features.feature import DAY_MS, HOUR_MS, MINUTE_MS, Velocity
from udfs.features.singles import USER_SINGLES

COMPUTATION_VERSION = 1  # raise it whenever a feature keeps its name and changes its value

USER_WINDOWS = (5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
MERCHANT_WINDOWS = (5 * MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS)

USER_VELOCITY = (
    Velocity("user", "transaction", "count", USER_WINDOWS),
    Velocity("user", "amount", "sum", USER_WINDOWS),
    Velocity("user", "amount", "mean", USER_WINDOWS),
    Velocity("user", "amount", "max", USER_WINDOWS),
    Velocity("user", "amount", "min", USER_WINDOWS),
    Velocity("user", "amount", "std", USER_WINDOWS),
    Velocity("user", "merchant", "distinct", USER_WINDOWS),
    Velocity("user", "amount", "rate", USER_WINDOWS),
)
MERCHANT_VELOCITY = (
    Velocity("merchant", "transaction", "count", MERCHANT_WINDOWS),
    Velocity("merchant", "amount", "sum", MERCHANT_WINDOWS),
    Velocity("merchant", "user", "distinct", MERCHANT_WINDOWS),
    Velocity("merchant", "declined", "share", MERCHANT_WINDOWS),
)

USER_FEATURES = (*(f for velocity in USER_VELOCITY for f in velocity.features()), *USER_SINGLES)
MERCHANT_FEATURES = tuple(f for velocity in MERCHANT_VELOCITY for f in velocity.features())
CATALOGUE = (*USER_FEATURES, *MERCHANT_FEATURES)

USER_WIDTH = len(USER_FEATURES)
MERCHANT_WIDTH = len(MERCHANT_FEATURES)
FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)


def feature_hash(names: Sequence[str] = FEATURE_NAMES) -> str:
    """Sixteen hexadecimal digits that differ when a name, the order or the computation behind the names differs."""
    text = "\n".join((f"computation {COMPUTATION_VERSION}", *names))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
