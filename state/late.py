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
from state.times import NEVER

if TYPE_CHECKING:
    from state.history import History
    from state.older import OlderPast


class Late(NamedTuple):
    """An event with newer ones in the history: the place it belongs to, and what ``History.observe`` takes."""

    at: int
    time: int
    units: int
    key: int
    declined: bool


def observe_late(history: History, event: Late, windows: Sequence[int], told: list[int]) -> bool:
    """As ``History.observe``, for an event that is not the newest."""
    newest = history.times[-1]
    if history.has_forgotten(event.time):
        alone = (1, event.declined, event.units, 1, 0, event.units, event.units)
        told += (alone[:4] if history.extremes is None else alone) * len(windows)
        return False
    older = history.older if history.older is not None and event.time <= history.older.end else None
    seen = _see(history, event, older)
    _tell(history, event, windows, told)
    if older is None:
        _insert(history, event, seen)
    else:
        units, square = event.units, event.units * event.units
        older.insert(event.time, Totals(1, event.declined, units, square, units, units))
        history.add_to_base(1, units, square, units, event.time)
    before = len(history.times)
    history.let_go(newest)
    return len(history.times) < before


def _tell(history: History, event: Late, windows: Sequence[int], told: list[int]) -> None:
    """The windows that end with the event: its party is already seen, all else is as before it."""
    at, sums, last_times = event.at, history.sums, history.last_times
    # A party with newer events has just one that is its first after a window's start: if that one is newer than the
    # late event, the party was not seen in the window. How often a party was seen before that is not known of a hot
    # key's older past.
    first_after = sorted(history.seen[at:])
    known_since = history.times[0] - 1 if history.older is not None else NEVER
    low = high = event.units
    i = at
    for window in windows:
        start = event.time - window
        reach, i = i, bisect_right(history.times, start, 0, i)
        count, units = at - i + 1, sums[at] - sums[i] + event.units
        declined = history.declined.count(1, i, at) + event.declined
        parties = len(last_times) - bisect_right(last_times, start) - bisect_right(first_after, max(start, known_since))
        older = None
        if not i and history.older is not None:
            if at:
                older, keys = history.older.after(start)
            else:
                older, keys = history.older.between(start, event.time, extremes=history.extremes is not None)
            count, units, declined = count + older.events, units + older.units, declined + older.declined
            parties += keys
        told += (count, declined, units, max(parties, 1))
        if history.extremes is None:
            continue
        squares = history.squares[at] - history.squares[i] + event.units * event.units
        amounts = history.amounts(i, reach)
        low, high = min([low, *amounts]), max([high, *amounts])
        if older is None:
            told += (spread(count, units, squares), low, high)
        else:
            told += (spread(count, units, squares + older.squares), min(low, older.low), max(high, older.high))


def _see(history: History, event: Late, older: OlderPast | None) -> int:
    """Note when the party was seen; the time it was seen before, as far as the events kept one by one tell."""
    key, time = event.key, event.time
    last = history.last.get(key)
    newer = history.keys[event.at :]
    if last is not None and last > time and key in newer:
        first = event.at + newer.index(key)
        seen, history.seen[first] = history.seen[first], time
        return seen
    if older is not None:
        older.see(key, time)
        return NEVER
    if last is not None:
        del history.last_times[bisect_left(history.last_times, last)]
    elif history.older is not None:
        history.older.discard(key)
    history.last[key] = time
    insort(history.last_times, time)
    return NEVER if last is None else last


def _insert(history: History, event: Late, seen: int) -> None:
    """Put it among the events kept one by one; the totals after it grow."""
    at, units = event.at, event.units
    history.times.insert(at, event.time)
    history.keys.insert(at, event.key)
    history.seen.insert(at, seen)
    history.declined.insert(at, event.declined)
    sums = history.sums
    sums[at:] = array("q", [sums[at], *[total + units for total in sums[at:]]])
    if history.extremes is not None:
        square = units * units
        history.squares[at:] = [history.squares[at], *[total + square for total in history.squares[at:]]]
        history.extremes.insert(event.time, units)
