"""What the sliding windows (t - w, t] that end with an event add up to.

Sums are differences of running totals. Different parties, and the smallest and the largest amount, come from one pass
over the events of the window that are kept one by one: at most the history's capacity, whatever the window's length,
and a vector of them at a time. To keep such things in order with every event costs more, the more so when it is late.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from state.kernel import int128
from state.kernel.jit import compiled
from state.windowing import distinct, tiles
from state.windowing.raw_events import COUNT, SEEN, Totals, Words, amount, place, seen_before
from state.windowing.raw_events import totals_before as kept_before

(EVENTS, DECLINED, UNITS, DISTINCT, SPREAD, LOWEST, HIGHEST, FIRST, LAST) = range(9)
"""What is told of a window; ``SPREAD`` is n (n - 1) times the sample variance, squared units; amounts are in units.

Absent (NaN) where there is no event: the extremes, the first and the last."""
OUT_WIDTH = 9


@compiled
def totals_until(head: Words, events: Words, older: Words, moment: int, end: int) -> tuple[Totals, int]:
    """Totals of all up to and including a moment (ms), and the row of the first kept event after it.

    Args:
        head: of a history.
        events: those kept one by one.
        older: its tiles.
        moment: the moment.
        end: a row that is not before the one looked for.
    """
    row = place(events, end, moment)
    if row or not head[tiles.TILES]:
        return kept_before(head, events, row), row
    return tiles.totals_until(head, older, moment), row


@compiled
def events_until(head: Words, events: Words, older: Words, moment: int) -> int:
    """How many events there ever were up to and including a moment (ms)."""
    return totals_until(head, events, older, moment, head[COUNT])[0][0]


@compiled
def aggregate(
    head: Words,
    events: Words,
    older: Words,
    parties: Words,
    row: int,
    is_older: bool,
    time: int,
    key: int,
    declined: int,
    units: int,
    counts: bool,
    windows: Words,
    told: npt.NDArray[np.float64],
) -> None:
    """Tell of every window that ends with an event, before it is taken in.

    Args:
        head: of a history.
        events: those kept one by one.
        older: its tiles.
        parties: the parties of those.
        row: the event's place among ``events``.
        is_older: whether its place is not there, but among the tiles; its key is then noted there already.
        time: of the event, ms.
        key: its other party.
        declined: 1 if it was declined, else 0.
        units: its amount.
        counts: whether the event itself is to count.
        windows: lengths, ms, ascending.
        told: (windows, TOLD), written.
    """
    until = totals_until(head, events, older, time, row)[0] if is_older else kept_before(head, events, row)
    own_seen = seen_before(events, row, key)
    low, high = (units, units) if counts else (2**62, -(2**62))
    # Of a hot key's older past the last amount is not known.
    last = float(units) if counts else (float(amount(head, events, row - 1)) if row else math.nan)
    begin = row
    for window in range(windows.shape[0]):
        start = time - windows[window]
        begun = begin
        since, begin = totals_until(head, events, older, start, begun)
        for i in range(begin, begun):
            of_event = amount(head, events, i)
            low, high = min(low, of_event), max(high, of_event)
        different = 0
        for i in range(begin, row):
            different += events[SEEN, i] <= start
        if counts and not is_older and own_seen <= start:
            different += 1
        opening = amount(head, events, begin) if begin < row else units
        lowest, highest = low, high
        if not begin and head[tiles.TILES]:
            different += distinct.count(head, parties, start)
            if is_older:
                different -= distinct.count(head, parties, time)
            lowest_older, highest_older, opening_older = tiles.extremes(head, older, start, time)
            if lowest_older <= highest_older:
                lowest, highest, opening = min(low, lowest_older), max(high, highest_older), opening_older
        _write(told[window], until, since, declined, units, counts, different)
        if told[window, EVENTS] > 0:
            told[window, LOWEST], told[window, HIGHEST] = lowest, highest
            told[window, FIRST], told[window, LAST] = opening, last
        else:
            told[window, LOWEST:] = math.nan


@compiled
def _write(
    told: npt.NDArray[np.float64],
    until: Totals,
    since: Totals,
    declined: int,
    units: int,
    counts: bool,
    different: int,
) -> None:
    events, refused, total, high, low = until
    events_since, refused_since, total_since, high_since, low_since = since
    events, refused, total = events - events_since, refused - refused_since, total - total_since
    high, low = int128.subtract(high, low, high_since, low_since)
    if counts:
        square_high, square_low = int128.multiply(units, units)
        high, low = int128.add(high, low, square_high, square_low)
        events, refused, total = events + 1, refused + declined, total + units
    told[EVENTS], told[DECLINED], told[UNITS] = events, refused, total
    told[DISTINCT] = min(max(different, 1), events)
    told[SPREAD] = int128.spread(events, total, high, low)


@compiled
def aggregate_alone(declined: int, units: int, counts: bool, windows: Words, told: npt.NDArray[np.float64]) -> None:
    """Tell of the windows of an event that is too late to know what was around it."""
    nothing = (0, 0, 0, 0, 0)
    for window in range(windows.shape[0]):
        _write(told[window], nothing, nothing, declined, units, counts, 1)
        told[window, LOWEST:] = units if counts else math.nan
