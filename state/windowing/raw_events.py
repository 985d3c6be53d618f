"""The newest events of an entity, kept one by one: the columns of a matrix, in order of time.

Amounts, their squares and declined events are kept as running totals over all that ever was, so that a window adds up
to a difference of two of them. What goes before the first kept event, its *base*, stands in the head.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from state.kernel import int128
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.times import NEVER

Words: TypeAlias = npt.NDArray[np.int64]
Totals: TypeAlias = tuple[int, int, int, int, int]
"""How many events, how many declined, their units, their squared units (128 bits: high, low)."""

TIME, KEY, SEEN, DECLINED, UNITS, SQUARES_HIGH, SQUARES_LOW = range(7)
"""Columns: time (ms), the other party, when that party was seen before (or ``NEVER``), and running totals."""
COLUMNS = 7

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
"""The head: how many are kept, totals of all before them, the largest amount among those, the time of their newest."""
HEAD = 8


@compiled
def totals_before(head: Words, events: Words, row: int) -> Totals:
    """Totals of all that ever was before the event in a row."""
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
def place(events: Words, end: int, time: int) -> int:
    """The row, of those before ``end``, that an event which comes now belongs to: behind all that are not newer."""
    if end == 0 or time >= events[TIME, end - 1]:
        return end
    return first_after(events[TIME], end - 1, time)


@compiled
def amount(head: Words, events: Words, row: int) -> int:
    """The amount of an event, units."""
    return events[UNITS, row] - (events[UNITS, row - 1] if row else head[BASE_UNITS])


@compiled
def seen_before(events: Words, row: int, key: int) -> int:
    """When a party was seen last in the rows before ``row``, or ``NEVER``."""
    for other in range(row - 1, -1, -1):
        if events[KEY, other] == key:
            return events[TIME, other]
    return NEVER


@compiled
def next_row_of(head: Words, events: Words, row: int, key: int) -> int:
    """The first row from ``row`` on that holds a party, or -1."""
    for other in range(row, head[COUNT]):
        if events[KEY, other] == key:
            return other
    return -1


@compiled
def insert(head: Words, events: Words, row: int, time: int, key: int, seen: int, declined: int, units: int) -> None:
    """Put an event into a row, and those from there on one further. There must be room."""
    last = head[COUNT]
    square_high, square_low = int128.multiply(units, units)
    _, declined_before, units_before, high_before, low_before = totals_before(head, events, row)
    for column in (TIME, KEY, SEEN):
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
    events[SEEN, row] = seen
    events[DECLINED, row] = declined_before + declined
    events[UNITS, row] = units_before + units
    events[SQUARES_HIGH, row], events[SQUARES_LOW, row] = int128.add(high_before, low_before, square_high, square_low)
    head[COUNT] = last + 1


@compiled
def add_to_base(head: Words, events: Words, time: int, declined: int, units: int) -> None:
    """Count a late event that is older than all that are kept."""
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
def drop(head: Words, events: Words, rows: int) -> None:
    """Let the oldest so many go, at least one, into the base."""
    highest = head[BASE_HIGHEST]
    for i in range(rows):
        highest = max(highest, amount(head, events, i))
    newest = events[TIME, rows - 1]
    count, declined, units, high, low = totals_before(head, events, rows)
    head[BASE_EVENTS], head[BASE_DECLINED], head[BASE_UNITS] = count, declined, units
    head[BASE_SQUARES_HIGH], head[BASE_SQUARES_LOW] = high, low
    head[BASE_HIGHEST], head[BASE_LAST] = highest, max(head[BASE_LAST], newest)
    left = head[COUNT] - rows
    for column in range(COLUMNS):
        for i in range(left):
            events[column, i] = events[column, i + rows]
    head[COUNT] = left


@compiled
def find_seen(events: Words, count: int) -> None:
    """Fill ``SEEN`` from what is kept alone."""
    for row in range(count):
        events[SEEN, row] = seen_before(events, row, events[KEY, row])
