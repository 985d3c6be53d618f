"""A model made by hand, so that a test knows what it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.features.catalogue import FEATURE_NAMES

Floats = NDArray[np.float64]
AMOUNT, GAP, HOUR, COUNT = (
    FEATURE_NAMES.index(name)
    for name in ("amount", "user_transaction_gap", "time_hour", "merchant_transaction_count_5m")
)


class SuspectsLargeAmounts:
    """Certain above 400, mostly because of the amount; at ease below."""

    version = "by-hand-1"

    def score(self, features: Floats) -> Floats:
        return np.where(features[:, AMOUNT] > 400, 0.95, 0.02)

    def contributions(self, features: Floats) -> Floats:
        parts = np.zeros_like(features)
        parts[:, AMOUNT], parts[:, COUNT], parts[:, HOUR], parts[:, GAP] = 3.0, 1.5, 0.5, -2.0
        return parts


class ExplainsEachAnotherWay(SuspectsLargeAmounts):
    """Certain above 400, for a reason that the amount chooses."""

    def contributions(self, features: Floats) -> Floats:
        parts = np.zeros_like(features)
        for row, amount in enumerate(features[:, AMOUNT]):
            parts[row, (AMOUNT, HOUR, COUNT)[int(amount) % 3]] = 1.0
        return parts
