"""128-bit integers as two 64-bit halves, for exact sums of squared amounts.

Arithmetic is modulo 2^128, so a difference of running totals is exact if it is below 2^127.
"""

from __future__ import annotations

import numpy as np

from state.kernel.jit import compiled

_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_TWO_TO_64 = 2.0**64


@compiled
def multiply(left: int, right: int) -> tuple[int, int]:
    """Multiply two non-negative numbers; return the high and the low 64 bits."""
    a, b = np.uint64(left), np.uint64(right)
    a_low, a_high, b_low, b_high = a & _LOW_HALF, a >> _HALF, b & _LOW_HALF, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW_HALF)
    return (
        np.int64(a_high * b_high + (middle >> _HALF) + (other >> _HALF)),
        np.int64((other << _HALF) | (low & _LOW_HALF)),
    )


@compiled
def add(high: int, low: int, other_high: int, other_low: int) -> tuple[int, int]:
    """Add two numbers; return the high and the low 64 bits."""
    total = np.uint64(low) + np.uint64(other_low)
    carry = np.int64(1) if total < np.uint64(low) else np.int64(0)
    return np.int64(high + other_high + carry), np.int64(total)


@compiled
def subtract(high: int, low: int, other_high: int, other_low: int) -> tuple[int, int]:
    """Subtract the other number; return the high and the low 64 bits."""
    borrow = np.int64(1) if np.uint64(low) < np.uint64(other_low) else np.int64(0)
    return np.int64(high - other_high - borrow), np.int64(np.uint64(low) - np.uint64(other_low))


@compiled
def to_float(high: int, low: int) -> float:
    """Convert a signed number below 2^127 in size to the nearest or next-nearest float."""
    return np.float64(high) * _TWO_TO_64 + np.float64(np.uint64(low))


@compiled
def from_float(value: float) -> tuple[int, int]:
    """Truncate a float in [0, 2^127); return the high and the low 64 bits."""
    high = np.int64(value / _TWO_TO_64)
    return high, np.int64(np.uint64(value - np.float64(high) * _TWO_TO_64))


@compiled
def spread(count: int, total: int, high: int, low: int) -> float:
    """Compute ``count`` * sum of squares - ``total`` ** 2, which is n (n - 1) times the sample variance, exactly.

    Args:
        count: number of values.
        total: their sum, not negative.
        high: high 64 bits of the sum of their squares.
        low: low 64 bits of it.
    """
    # count * (high * 2^64 + low), modulo 2^128
    top, bottom = multiply(count, low)
    squares_high = np.int64(top + count * high)
    total_high, total_low = multiply(total, total)
    spread_high, spread_low = subtract(squares_high, bottom, total_high, total_low)
    return max(to_float(spread_high, spread_low), 0.0)
