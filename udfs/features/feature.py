"""The declaration of a feature, and the rule that makes its name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS

FIRST_OF_USER = "the first transaction of this user"
"""When a feature is absent that compares with the user's earlier payments."""


def window_name(length_ms: int) -> str:
    """Format the length of a window as it stands in feature names.

    Args:
        length_ms: a positive number of whole minutes, in milliseconds.

    Raises:
        ValueError: the length is another one.

    Examples:
        >>> [window_name(length) for length in (5 * MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS)]
        ['5m', '1h', '24h', '7d']
    """
    if length_ms <= 0 or length_ms % MINUTE_MS:
        raise ValueError(f"a window is a whole number of minutes, not {length_ms} ms")
    if length_ms % DAY_MS == 0 and length_ms > DAY_MS:
        return f"{length_ms // DAY_MS}d"
    if length_ms % HOUR_MS == 0:
        return f"{length_ms // HOUR_MS}h"
    return f"{length_ms // MINUTE_MS}m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column of the feature matrix.

    Attributes:
        entity: the key whose profile is needed (``user``, ``device``, ``merchant``); empty if the payment suffices.
        measure: the quantity, key or field that is looked at.
        aggregate: how the value is made of the measure; empty if it is the measure itself.
        window_ms: length of the window (t - window, t]; 0 if there is none.
        meaning: one sentence for an analyst.
        unit: unit of the value.
        low: smallest possible value.
        high: largest possible value.
        absent: when the value is NaN, in words; empty if it never is.

    Examples:
        >>> Feature(
        ...     entity="user",
        ...     measure="amount",
        ...     aggregate="repeated",
        ...     window_ms=DAY_MS,
        ...     meaning="The user paid exactly this amount before, in the last 24 h.",
        ...     unit="0 or 1",
        ... ).name
        'user_amount_repeated_24h'
    """

    measure: str
    meaning: str
    unit: str
    entity: str = ""
    aggregate: str = ""
    window_ms: int = 0
    low: float = 0.0
    high: float = math.inf
    absent: str = ""

    @property
    def name(self) -> str:
        """Name by rule: ``<entity>_<measure>_<aggregate>_<window>``, empty parts left out."""
        window = window_name(self.window_ms) if self.window_ms else ""
        return "_".join(part for part in (self.entity, self.measure, self.aggregate, window) if part)


def indicator(
    measure: str, meaning: str, *, entity: str = "", aggregate: str = "", window_ms: int = 0, absent: str = ""
) -> Feature:
    """Declare a feature that is 0 or 1; arguments are those of ``Feature``."""
    return Feature(
        measure=measure,
        meaning=meaning,
        unit="0 or 1",
        entity=entity,
        aggregate=aggregate,
        window_ms=window_ms,
        high=1.0,
        absent=absent,
    )
