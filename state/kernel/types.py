"""Array types of the per-entity state."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

Totals: TypeAlias = tuple[int, int, int, int, int]
"""Number of events, number of declined events, sum of amounts (units), sum of their squares (128 bits: high, low)."""
