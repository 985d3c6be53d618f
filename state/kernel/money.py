"""Amounts of money as integers, so that sums and variances over any window are exact.

An amount is counted in units of 1e-4, the smallest minor unit of any ISO 4217 currency (CLF, UYW); further decimals are
rounded. A sum fits into 64 bits, a sum of squares into 128 (``state.kernel.int128``). A difference of running totals is
therefore exact, and the variance ``(n * sum of squares - sum ** 2) / (n * (n - 1))`` loses no digits by cancellation,
as it would in floating point. The total of an entity may reach 900 trillion currency units.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled

UNITS = 10_000
"""Units per currency unit."""


@compiled
def to_units(amount: float) -> int:
    """Convert an amount in currency units to units, rounded to the nearest, ties to even (like Python's ``round``)."""
    return int(np.rint(amount * UNITS))
