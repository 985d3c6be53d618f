"""Recent events of an entity, stored individually: the columns of a matrix, in order of event time.

Amounts, their squares, and declined events are running totals since the entity's first event, so the sum over a window
is a difference of two of them. The totals before the first stored event are the *base*, which is in the head.
"""

from __future__ import annotations

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.times import NEVER
from state.kernel.types import Totals, Words

TIME, KEY, PREVIOUS, DECLINED, UNITS, SQUARES_HIGH, SQUARES_LOW = range(7)
"""Columns: event time (ms), counterparty, time of its previous event (or ``NEVER``), and running totals."""
EVENT_COLUMNS = 7

(
    COUNT,
    BASE_EVENTS,
    BASE_DECLINED,
    BASE_UNITS,
    BASE_SQUARES_HIGH,
    BASE_SQUARES_LOW,
    BASE_HIGHEST,
    BASE_LAST,
) = range(8)
"""Head: number of stored events; of the events before them: totals, largest amount, time of the newest."""
HEAD_WORDS = 8


@compiled
def event_totals_before(head: Words, events: Words, row: int) -> Totals:
    """Return the totals of all events before the one in a row."""
    if row == 0:
        return (
            head[BASE_EVENTS],
            head[BASE_DECLINED],
            head[BASE_UNITS],
            head[BASE_SQUARES_HIGH],
            head[BASE_SQUARES_LOW],
        )
    return (
        head[BASE_EVENTS] + row,
        events[DECLINED, row - 1],
        events[UNITS, row - 1],
        events[SQUARES_HIGH, row - 1],
        events[SQUARES_LOW, row - 1],
    )


@compiled
def insertion_row(events: Words, end: int, time: int) -> int:
    """Find the row, at most ``end``, for an event that arrives now: after all events that are not newer."""
    if end == 0 or time >= events[TIME, end - 1]:
        return end
    return first_after(events[TIME], end - 1, time)


@compiled
def event_amount(head: Words, events: Words, row: int) -> int:
    """Return the amount of an event, units."""
    return events[UNITS, row] - (events[UNITS, row - 1] if row else head[BASE_UNITS])


@compiled
def previous_time(events: Words, row: int, key: int) -> int:
    """Return the time of a counterparty's last event before a row, or ``NEVER``."""
    for earlier in range(row - 1, -1, -1):
        if events[KEY, earlier] == key:
            return events[TIME, earlier]
    return NEVER


@compiled
def next_row_of(head: Words, events: Words, row: int, key: int) -> int:
    """Return the first row from ``row`` on with an event of a counterparty, or -1."""
    for later in range(row, head[COUNT]):
        if events[KEY, later] == key:
            return later
    return -1


@compiled
def insert(head: Words, events: Words, row: int, time: int, key: int, previous: int, declined: int, units: int) -> None:
    """Insert an event into a row and shift later ones. Requires capacity for one more event."""
    last = head[COUNT]
    square_high, square_low = int128.multiply(units, units)
    _, declined_before, units_before, high_before, low_before = event_totals_before(head, events, row)
    for column in (TIME, KEY, PREVIOUS):
        for i in range(last, row, -1):
            events[column, i] = events[column, i - 1]
    for i in range(last, row, -1):
        events[DECLINED, i] = events[DECLINED, i - 1] + declined
        events[UNITS, i] = events[UNITS, i - 1] + units
    for i in range(last, row, -1):
        events[SQUARES_HIGH, i], events[SQUARES_LOW, i] = int128.add(
            events[SQUARES_HIGH, i - 1], events[SQUARES_LOW, i - 1], square_high, square_low
        )
    events[TIME, row] = time
    events[KEY, row] = key
    events[PREVIOUS, row] = previous
    events[DECLINED, row] = declined_before + declined
    events[UNITS, row] = units_before + units
    events[SQUARES_HIGH, row], events[SQUARES_LOW, row] = int128.add(high_before, low_before, square_high, square_low)
    head[COUNT] = last + 1


@compiled
def add_to_base(head: Words, events: Words, time: int, declined: int, units: int) -> None:
    """Add a late event that is older than all stored events to the base."""
    square_high, square_low = int128.multiply(units, units)
    head[BASE_EVENTS] += 1
    head[BASE_DECLINED] += declined
    head[BASE_UNITS] += units
    head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW] = int128.add(
        head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW], square_high, square_low
    )
    head[BASE_HIGHEST] = max(head[BASE_HIGHEST], units)
    head[BASE_LAST] = max(head[BASE_LAST], time)
    for i in range(head[COUNT]):
        events[DECLINED, i] += declined
        events[UNITS, i] += units
        events[SQUARES_HIGH, i], events[SQUARES_LOW, i] = int128.add(
            events[SQUARES_HIGH, i], events[SQUARES_LOW, i], square_high, square_low
        )


@compiled
def evict_oldest(head: Words, events: Words, rows: int) -> None:
    """Move the oldest ``rows`` events, at least one, into the base."""
    highest = head[BASE_HIGHEST]
    for i in range(rows):
        highest = max(highest, event_amount(head, events, i))
    newest = events[TIME, rows - 1]
    count, declined, units, high, low = event_totals_before(head, events, rows)
    head[BASE_EVENTS], head[BASE_DECLINED], head[BASE_UNITS] = count, declined, units
    head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW] = high, low
    head[BASE_HIGHEST], head[BASE_LAST] = highest, max(head[BASE_LAST], newest)
    left = head[COUNT] - rows
    for column in range(EVENT_COLUMNS):
        for i in range(left):
            events[column, i] = events[column, i + rows]
    head[COUNT] = left


@compiled
def fill_previous(events: Words, count: int) -> None:
    """Fill ``PREVIOUS`` from the stored events."""
    for row in range(count):
        events[PREVIOUS, row] = previous_time(events, row, events[KEY, row])
