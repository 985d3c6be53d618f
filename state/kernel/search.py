"""Binary search in ascending columns."""

from __future__ import annotations

from state.kernel.jit import compiled
from state.kernel.types import Words


@compiled
def first_after(column: Words, end: int, value: int) -> int:
    """Return the first index below ``end`` with an element above ``value``, or ``end``."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if column[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low
