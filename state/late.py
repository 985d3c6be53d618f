"""An event that comes late: what it would have been told in time, and its place in the history.

It is looked at with simple means, in time that grows with the events of its longest window that are kept one by one
(at most the history's capacity) and not with the window's length: late events are few, except that merchants see the
users' small disorder, where the newer events are few.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from state.moments import spread
from state.tiles import Totals

if TYPE_CHECKING:
    from state.history import History


class Late(NamedTuple):
    """An event with newer ones in the history: the place it belongs to, and what ``History.observe`` takes."""

    at: int
    time: int
    units: int
    key: int
    declined: int

    @property
    def totals(self) -> Totals:
        """What it adds."""
        return Totals(1, self.units, self.units * self.units, self.declined, self.units, self.units)


def observe_late(history: History, event: Late, windows: Sequence[int], told: list[int]) -> bool:
    """As ``History.observe``, for an event that is not the newest."""
    at, time, units, key, declined = event
    newest = history.times[-1]
    if history.has_forgotten(time):
        told += (1, units, 0, units, units, 1, declined) * len(windows)
        return False
    older = history.older if history.older is not None and time <= history.older.end else None
    if older is None or key in history.last:
        _see(history, key, time)
    else:
        older.see(key, time)
    _tell(history, event, windows, told)
    if older is None:
        _insert(history, at, event)
    else:
        older.insert(time, event.totals)
        history.add_to_base(1, units, units * units, units, time)
    return history.let_go(newest)


def _tell(history: History, event: Late, windows: Sequence[int], told: list[int]) -> None:
    """The windows that end with the event: its key is already seen, all else is as before it."""
    at, time, _, key, _ = event
    sums, squares, declines = history.sums, history.squares, history.declines
    only_newer = set(history.keys[at:])
    only_newer.discard(key)
    low, high = event.units, event.units
    reach = at
    for window in windows:
        start = time - window
        i = bisect_right(history.times, start, 0, reach)
        if i < reach:
            amounts = history.amounts(i, reach)
            low, high = min(low, *amounts), max(high, *amounts)
            only_newer.difference_update(history.keys[i:reach])
            reach = i
        distinct = len(history.last_times) - bisect_right(history.last_times, start) - len(only_newer)
        between = Totals(at - i, sums[at] - sums[i], squares[at] - squares[i], declines[at] - declines[i], low, high)
        totals = event.totals.plus(between)
        if not i and history.older is not None:
            older, keys = history.older.between(start, time)
            totals = totals.plus(older)
            distinct += keys
        count, units = totals.count, totals.units
        spread_of = spread(count, units, totals.squares)
        told += (count, units, spread_of, totals.high, totals.low, max(distinct, 1), totals.declined)


def _see(history: History, key: int, time: int) -> None:
    """Note when the key was last seen, among the events kept one by one."""
    seen = history.last.get(key)
    if seen is not None:
        if seen >= time:
            return
        del history.last_times[bisect_left(history.last_times, seen)]
    elif history.older is not None:
        history.older.discard(key)
    history.last[key] = time
    insort(history.last_times, time)


def _insert(history: History, at: int, event: Late) -> None:
    """Put it among the events kept one by one; the totals after it grow."""
    units, square = event.units, event.units * event.units
    history.times.insert(at, event.time)
    history.keys.insert(at, event.key)
    sums, squares, declines = history.sums, history.squares, history.declines
    sums[at:] = array("q", [sums[at], *[total + units for total in sums[at:]]])
    squares[at:] = [squares[at], *[total + square for total in squares[at:]]]
    declines[at:] = array("I", [declines[at], *[total + event.declined for total in declines[at:]]])
    if history.extremes:
        history.highs.insert(event.time, units)
        history.lows.insert(event.time, -units)
