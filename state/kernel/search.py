"""Places in columns that ascend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from state.kernel.jit import compiled


@compiled
def first_after(column: npt.NDArray[np.int64], end: int, value: int) -> int:
    """The first place, of those before ``end``, that holds more than ``value``; ``end`` if none does."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if column[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low
