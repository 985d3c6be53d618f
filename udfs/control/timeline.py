"""The versions of one kind of control that hold, each from an event time on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ALWAYS = 0
"""``valid_from`` of a record that gives none: it holds for every payment from its arrival on."""
MAX_VERSIONS = 16
"""Versions kept of a kind; more within the allowed lateness lose the oldest."""

V = TypeVar("V")


@dataclass(frozen=True)
class Held(Generic[V]):
    """A version that holds from an event time on.

    Attributes:
        version: of its control record; 0 for the default.
        valid_from: event time, epoch milliseconds.
        value: rules, patterns or thresholds.
        record: value of its control record; empty for the default.
    """

    version: int
    valid_from: int
    value: V
    record: bytes = b""


class Timeline(Generic[V]):
    """Which version of a kind holds at an event time: the highest one that is valid by then.

    A version ends all lower ones that would begin no earlier, so both versions and times rise along the line.

    Args:
        default: holds until another version does.
    """

    def __init__(self, default: V) -> None:
        self._held = [Held(0, ALWAYS, default)]
        self._times = [ALWAYS]

    @property
    def newest(self) -> Held[V]:
        """The highest version, which may not hold yet."""
        return self._held[-1]

    @property
    def times(self) -> Sequence[int]:
        """Event times at which another version begins to hold, rising."""
        return self._times[1:]

    @property
    def records(self) -> Sequence[Held[V]]:
        """The versions that came with a control record."""
        return [held for held in self._held if held.record]

    def at(self, event_time: int) -> Held[V]:
        """The version at an event time; the oldest kept one if none is left from so long ago."""
        return self._held[max(0, bisect_right(self._times, event_time) - 1)]

    def add(self, held: Held[V]) -> None:
        """Add a version; one that is there already is replaced."""
        lower = [each for each in self._held if each.version < held.version and each.valid_from < held.valid_from]
        # The line may hold a higher version already, when shards are restored in any order.
        higher = [each for each in self._held if each.version > held.version]
        if any(each.valid_from <= held.valid_from for each in higher):
            return
        self._set([*lower, held, *higher][-MAX_VERSIONS:])

    def forget_before(self, event_time: int) -> bool:
        """Forget versions that hold at no event time from this one on; returns whether there were some."""
        first = max(0, bisect_right(self._times, event_time) - 1)
        if first:
            self._set(self._held[first:])
        return first > 0

    def _set(self, held: list[Held[V]]) -> None:
        self._held = held
        self._times = [each.valid_from for each in held]
