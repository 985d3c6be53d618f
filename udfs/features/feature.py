"""What a feature is, and how its name is made from what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from udfs.features.filters import Filter

Aggregate = Literal["count", "sum", "mean", "max", "min", "std", "first", "last", "distinct", "rate", "share"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def window_name(length_ms: int) -> str:
    """How a window is spelled in a name: ``5m``, ``1h``, ``24h``, ``7d``.

    Raises:
        ValueError: if the length is not a whole number of minutes.
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
        entity: whose memory it needs (``user``, ``merchant``); empty when the transaction alone says it.
        what: what is looked at.
        aggregate: what is made of it; empty when it is taken as it is.
        window_ms: length of the window (t - window, t]; 0 when there is none.
        meaning: one sentence for an analyst.
        unit: unit of the value.
        low: smallest value, inclusive.
        high: largest value, inclusive.
        absent: when the value is NaN, in words; empty when it never is.
    """

    what: str
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
        """``<entity>_<what>_<aggregate>_<window>``, without what does not apply."""
        window = window_name(self.window_ms) if self.window_ms else ""
        return "_".join(part for part in (self.entity, self.what, self.aggregate, window) if part)


@dataclass(frozen=True, slots=True)
class Velocity:
    """One line of the declaration: an aggregate of what an entity did, over sliding windows of event time.

    Attributes:
        entity: the key whose events are counted.
        what: ``transaction``, ``amount``, or the other key that is counted distinct (``merchant``, ``user``).
        aggregate: what is made of the events in the window.
        windows_ms: lengths of the windows, milliseconds.
        where: which payments count; None: all.
    """

    entity: str
    what: str
    aggregate: Aggregate
    windows_ms: tuple[int, ...]
    filter: Filter | None = None

    def features(self) -> tuple[Feature, ...]:
        """The declared columns, one a window."""
        words, unit, high, absent, alone = _WORDS[self.aggregate]
        passing = "" if self.filter is None else f"{self.filter.name} "
        if self.filter is not None:
            absent = alone
        return tuple(
            Feature(
                entity=self.entity,
                what=self.what if self.filter is None else f"{self.filter.name}_{self.what}",
                aggregate=self.aggregate,
                window_ms=window,
                meaning=f"{words.format(what=self.what)} of the {self.entity}'s {passing}transactions in the last "
                f"{window_name(window)}, this one included.",
                unit=unit.format(what=self.what),
                high=high,
                absent=absent,
            )
            for window in self.windows_ms
        )


@dataclass(frozen=True, slots=True)
class Risk:
    """One line of the declaration: how much fraud there was at a merchant or device, as far as labels are due.

    The windows end ``delay_ms`` ago, since a label comes late: what is newer says nothing yet. Source: the Fraud
    Detection Handbook, chapter 3, "terminal risk".

    Attributes:
        entity: whose payments are looked at.
        windows_ms: lengths of the windows, milliseconds.
        delay_ms: how long ago they end, milliseconds.
    """

    entity: str
    windows_ms: tuple[int, ...]
    delay_ms: int

    def features(self) -> tuple[Feature, ...]:
        """Two columns a window: first how many payments are due, then how many of them were fraud."""
        return tuple(
            feature for window in self.windows_ms for feature in (self._settled(window), self._fraud_share(window))
        )

    def _settled(self, window: int) -> Feature:
        return Feature(
            entity=self.entity,
            what="settled",
            aggregate="count",
            window_ms=window,
            meaning=f"Number of the {self.entity}'s transactions {self._span(window)}.",
            unit="transactions",
        )

    def _fraud_share(self, window: int) -> Feature:
        return Feature(
            entity=self.entity,
            what="fraud",
            aggregate="share",
            window_ms=window,
            meaning=f"Share of fraud, as labelled so far, among the {self.entity}'s transactions {self._span(window)}.",
            unit="share",
            high=1.0,
            absent="no transaction in the window",
        )

    def _span(self, window: int) -> str:
        return f"in the {window_name(window)} that ended {window_name(self.delay_ms)} ago"


_NONE = "no such transaction in the window"
_FEW = "fewer than two transactions in the window"

# Words, unit, largest value, when it is absent; and when it is where a filter lets only some transactions count.
_WORDS: dict[Aggregate, tuple[str, str, float, str, str]] = {
    "count": ("Number", "transactions", math.inf, "", ""),
    "sum": ("Sum of the {what}s", "currency units", math.inf, "", ""),
    "mean": ("Mean {what}", "currency units", math.inf, "", _NONE),
    "max": ("Largest {what}", "currency units", math.inf, "", _NONE),
    "min": ("Smallest {what}", "currency units", math.inf, "", _NONE),
    "first": ("First {what}", "currency units", math.inf, "", _NONE),
    "last": ("Last {what}", "currency units", math.inf, "", _NONE),
    "std": ("Sample standard deviation of the {what}s", "currency units", math.inf, _FEW, _FEW),
    "distinct": ("Number of different {what}s", "{what}s", math.inf, "", ""),
    "rate": ("Sum of the {what}s, per hour of window,", "currency units an hour", math.inf, "", ""),
    "share": ("Share {what}", "share", 1.0, "", _NONE),
}
