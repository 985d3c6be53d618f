"""Fraud risk of a device or merchant: the share of fraud among its payments whose labels are due.

Labels come late, so the windows end ``delay_ms`` before the payment: newer payments are not judged yet. Source: the
Fraud Detection Handbook, chapter 3, "terminal risk".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from state.kernel.jit import compiled
from state.kernel.times import DAY_MS
from state.kernel.types import Floats
from state.profiles.shared_profile import LABEL_DELAY_MS
from udfs.features.feature import Feature, window_name

RISK_WINDOWS = (DAY_MS, 7 * DAY_MS, 30 * DAY_MS)


@dataclass(frozen=True, slots=True)
class Risk:
    """Declaration of the risk of one entity: two features for each window.

    Attributes:
        entity: the key whose payments are looked at.
        windows_ms: lengths of the windows, milliseconds.
        delay_ms: how long before the payment the windows end, milliseconds.
    """

    entity: str
    windows_ms: tuple[int, ...] = RISK_WINDOWS
    delay_ms: int = LABEL_DELAY_MS

    def features(self) -> tuple[Feature, ...]:
        """Declare for each window the number of payments that are due, then the share of fraud among them."""
        return tuple(
            feature for window in self.windows_ms for feature in (self._settled(window), self._fraud_share(window))
        )

    def _settled(self, window: int) -> Feature:
        return Feature(
            entity=self.entity,
            measure="settled",
            aggregate="count",
            window_ms=window,
            meaning=f"Number of the {self.entity}'s transactions {self._span(window)}.",
            unit="transactions",
        )

    def _fraud_share(self, window: int) -> Feature:
        return Feature(
            entity=self.entity,
            measure="fraud",
            aggregate="share",
            window_ms=window,
            meaning=f"Share of fraud, as labelled so far, among the {self.entity}'s transactions {self._span(window)}.",
            unit="share",
            high=1.0,
            absent="no transaction in the window",
        )

    def _span(self, window: int) -> str:
        return f"in the {window_name(window)} that ended {window_name(self.delay_ms)} ago"


DEVICE_RISK = Risk("device")
MERCHANT_RISK = Risk("merchant")


@compiled
def fill_risk(columns: Floats, start: int, counts: Floats) -> None:
    """Write the columns of a ``Risk``.

    Args:
        columns: (n, start + 2 * windows), written from column ``start`` on.
        start: number of the first column.
        counts: (n, windows, 2): payments that are due, and frauds among them.
    """
    for row in range(counts.shape[0]):
        for window in range(counts.shape[1]):
            settled, frauds = counts[row, window, 0], counts[row, window, 1]
            columns[row, start + 2 * window] = settled
            # A label may come for a payment that is evicted from the profile, or never reached it.
            share = min(frauds, settled) / settled if settled > 0 else math.nan
            columns[row, start + 2 * window + 1] = share
