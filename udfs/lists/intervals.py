"""The intervals of event time in which an entry is in force: a payment is judged by its own time, also a late one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from udfs.lists.record import FOREVER, ListEntry

MAX_INTERVALS = 8
"""Intervals remaining of one entry; the oldest is dropped first."""


class Interval(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Event time from ``since`` up to, not including, ``until``, epoch milliseconds; the rules that it silences."""

    since: int
    until: int = FOREVER
    rules: tuple[str, ...] = ()


Intervals = tuple[Interval, ...]
"""Intervals of one entry, which do not overlap, in order."""
Listed = Mapping[str, Intervals]
"""Intervals of one entity, by name of the list."""


def update(intervals: Intervals, entry: ListEntry) -> Intervals:
    """Apply a record to the intervals of its entry: from its ``since`` on, it alone says whether the entry holds."""
    if entry.tombstone:
        return ()
    remaining = [
        Interval(one.since, min(one.until, entry.since), one.rules) for one in intervals if one.since < entry.since
    ]
    if not entry.removed:
        remaining.append(Interval(entry.since, entry.until, entry.rules))
    return tuple(remaining[-MAX_INTERVALS:])


def update_listed(listed: Listed, entry: ListEntry) -> dict[str, Intervals]:
    """Apply a record to an entity; a list that never holds for it is left out."""
    changed = {**listed, entry.name: update(listed.get(entry.name, ()), entry)}
    return {name: intervals for name, intervals in changed.items() if intervals}


def covering(intervals: Intervals, event_time: int) -> Interval | None:
    """The interval that an event time lies in."""
    for one in reversed(intervals):
        if one.since <= event_time:
            return one if event_time < one.until else None
    return None


def without_expired(listed: Listed, before: int) -> dict[str, Intervals]:
    """Leave out the intervals that end at or before an event time, epoch milliseconds."""
    left = {name: tuple(one for one in intervals if one.until > before) for name, intervals in listed.items()}
    return {name: intervals for name, intervals in left.items() if intervals}
