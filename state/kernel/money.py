"""Money in whole numbers, so that sums and variances over any window are exact.

Amounts are counted in units of 1e-4, the smallest minor unit of any ISO 4217 currency (CLF, UYW). Sums then take 64
bits, and sums of squares 128 (``state.kernel.int128``): a difference of running totals is exact, and the variance
``(n * sum of squares - sum ** 2) / (n * (n - 1))`` cannot lose digits by cancellation, which the same formula in
floating point does. An amount with more than four decimals is rounded to four. What an entity pays in all may reach
900 trillion currency units.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled

UNITS = 10_000
"""Units in one whole of the currency."""


@compiled
def to_units(amount: float) -> int:
    """The amount in units of 1e-4, rounded to the nearest, of two to the even one, as Python's ``round`` does."""
    return int(np.rint(amount * UNITS))
