"""Aggregates of the sliding windows (t - w, t] that end with an event.

Sums are differences of running totals. Distinct counterparties and the extremes come from one vectorized pass over the
recent events of the window, at most as many as the history's capacity. To maintain ordered structures with every event
costs more, in particular when it is late.
"""

from __future__ import annotations

import math

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.types import Floats, Totals, Words
from state.windowing.distinct import count_distinct
from state.windowing.raw_events import COUNT, PREVIOUS, event_amount, event_totals_before, insertion_row, previous_time
from state.windowing.tiles import TILE_COUNT, tile_extremes, tile_totals_until

(EVENTS, DECLINED, UNITS, DISTINCT, SPREAD, LOWEST, HIGHEST, FIRST, LAST) = range(9)
"""Aggregates of a window. ``SPREAD`` is n (n - 1) times the sample variance, in squared units; amounts are in units.

In a window without events, the extremes, the first and the last amount are NaN."""
OUT_WIDTH = 9


@compiled
def totals_until(head: Words, events: Words, tiles: Words, moment: int, end: int) -> tuple[Totals, int]:
    """Compute the totals of all events up to and including a moment, and the row of the first recent event after it.

    Args:
        head: head of the history.
        events: recent events.
        tiles: tiles of older events.
        moment: epoch ms.
        end: upper bound of the row.
    """
    row = insertion_row(events, end, moment)
    if row or not head[TILE_COUNT]:
        return event_totals_before(head, events, row), row
    return tile_totals_until(head, tiles, moment), row


@compiled
def event_count_until(head: Words, events: Words, tiles: Words, moment: int) -> int:
    """Count all events up to and including a moment (epoch ms)."""
    return totals_until(head, events, tiles, moment, head[COUNT])[0][0]


@compiled
def aggregate(
    head: Words,
    events: Words,
    tiles: Words,
    counterparties: Words,
    row: int,
    is_older: bool,
    time: int,
    key: int,
    declined: int,
    units: int,
    counts: bool,
    lengths: Words,
    out: Floats,
) -> None:
    """Compute the aggregates of every window that ends with an event, before the event is inserted.

    Args:
        head: head of the history.
        events: recent events.
        tiles: tiles of older events.
        counterparties: counterparties of older events.
        row: row of the event among the recent ones.
        is_older: whether the event belongs to the tiles instead; its counterparty must be added before.
        time: time of the event, ms.
        key: its counterparty.
        declined: 1 if it was declined, else 0.
        units: its amount.
        counts: whether the windows include the event.
        lengths: window lengths, ms, ascending.
        out: (windows, OUT_WIDTH), written.
    """
    until = totals_until(head, events, tiles, time, row)[0] if is_older else event_totals_before(head, events, row)
    own_previous = previous_time(events, row, key)
    low, high = (units, units) if counts else (2**62, -(2**62))
    # The last amount before the event is unknown if it is among older events.
    last = float(units) if counts else (float(event_amount(head, events, row - 1)) if row else math.nan)
    begin = row
    for window in range(lengths.shape[0]):
        start = time - lengths[window]
        previous_begin = begin
        since, begin = totals_until(head, events, tiles, start, previous_begin)
        for i in range(begin, previous_begin):
            units_of_row = event_amount(head, events, i)
            low, high = min(low, units_of_row), max(high, units_of_row)
        distinct = 0
        for i in range(begin, row):
            distinct += events[PREVIOUS, i] <= start
        if counts and not is_older and own_previous <= start:
            distinct += 1
        opening = event_amount(head, events, begin) if begin < row else units
        lowest, highest = low, high
        if not begin and head[TILE_COUNT]:
            distinct += count_distinct(head, counterparties, start)
            if is_older:
                distinct -= count_distinct(head, counterparties, time)
            tile_lowest, tile_highest, tile_opening = tile_extremes(head, tiles, start, time)
            if tile_lowest <= tile_highest:
                lowest, highest, opening = min(low, tile_lowest), max(high, tile_highest), tile_opening
        _write(out[window], until, since, declined, units, counts, distinct)
        if out[window, EVENTS] > 0:
            out[window, LOWEST], out[window, HIGHEST] = lowest, highest
            out[window, FIRST], out[window, LAST] = opening, last
        else:
            out[window, LOWEST:] = math.nan


@compiled
def _write(
    out: Floats,
    until: Totals,
    since: Totals,
    declined: int,
    units: int,
    counts: bool,
    distinct: int,
) -> None:
    events, declined_count, total, high, low = until
    events_since, declined_since, total_since, high_since, low_since = since
    events, declined_count, total = events - events_since, declined_count - declined_since, total - total_since
    high, low = int128.subtract(high, low, high_since, low_since)
    if counts:
        square_high, square_low = int128.multiply(units, units)
        high, low = int128.add(high, low, square_high, square_low)
        events, declined_count, total = events + 1, declined_count + declined, total + units
    out[EVENTS], out[DECLINED], out[UNITS] = events, declined_count, total
    out[DISTINCT] = min(max(distinct, 1), events)
    out[SPREAD] = int128.spread(events, total, high, low)


@compiled
def aggregate_alone(declined: int, units: int, counts: bool, lengths: Words, out: Floats) -> None:
    """Write the aggregates of an event that is too late to have a window: they contain at most the event."""
    nothing = (0, 0, 0, 0, 0)
    for window in range(lengths.shape[0]):
        _write(out[window], nothing, nothing, declined, units, counts, 1)
        out[window, LOWEST:] = units if counts else math.nan
