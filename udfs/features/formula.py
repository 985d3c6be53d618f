"""Building blocks of formulas: numbered columns, and values that are NaN when absent."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Sequence
from typing import Protocol, cast

from state.kernel.jit import compiled
from udfs.features.feature import Feature


class Columns(Protocol):
    """Column numbers of a feature group, as attributes named like its features."""

    def __getattr__(self, feature_name: str) -> int: ...


def columns_of(features: Sequence[Feature]) -> Columns:
    """Number the features of a group in the order of their declaration, from 0.

    Compiled code reads the numbers as constants. A name that is not declared fails at compilation.
    """
    names = [feature.name for feature in features]
    return cast(Columns, namedtuple("Columns", names)(*range(len(names))))


@compiled
def ratio(numerator: float, denominator: float) -> float:
    """Divide; NaN unless the denominator is above zero."""
    return numerator / denominator if denominator > 0 else math.nan


@compiled
def flag(condition: bool, known: bool) -> float:
    """Return 1 or 0 for a condition, NaN if it is not known."""
    if not known:
        return math.nan
    return 1.0 if condition else 0.0
