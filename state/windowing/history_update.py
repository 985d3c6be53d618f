"""Compiled update of one history with one event: aggregates first, then the insertion, eviction and compaction."""

from __future__ import annotations

from state.kernel.addressing import WORD_BYTES, table_at, words_at
from state.kernel.jit import compiled
from state.kernel.times import NEVER
from state.kernel.types import Floats, Words
from state.windowing import event_schema
from state.windowing.aggregates import aggregate, aggregate_alone
from state.windowing.batch import COUNTERPARTIES_FULL, DONE, EVENTS_FULL, NEEDS_COMPACTION, NOT_RECENT, TILES_FULL
from state.windowing.distinct import (
    COUNTERPARTY_COLUMNS,
    COUNTERPARTY_COUNT,
    HEAD_WORDS,
    add_counterparty,
    clear_counterparties,
    enable_distinct,
    evict_counterparties,
    rebalance_strata,
    remove_counterparty,
)
from state.windowing.raw_events import (
    BASE_LAST,
    COUNT,
    EVENT_COLUMNS,
    KEY,
    PREVIOUS,
    TIME,
    add_to_base,
    evict_oldest,
    fill_previous,
    insert,
    insertion_row,
    next_row_of,
    previous_time,
)
from state.windowing.tiles import (
    LAST,
    TILE_COLUMNS,
    TILE_COUNT,
    compact_tiles,
    evict_tiles,
    insert_into_tiles,
)

_EVICTION_SLACK = 8  # evicts once the oldest event is too old by this part of the retention: many events at a time

(
    HEAD_PTR,
    EVENTS_PTR,
    EVENTS_CAPACITY,
    TILES_PTR,
    TILES_CAPACITY,
    COUNTERPARTIES_PTR,
    COUNTERPARTIES_CAPACITY,
    RETENTION,
    CAPACITY,
) = range(9)
"""Layout of a history (``state.kernel.addressing``): addresses and capacities of its arrays; its retention (ms) and the
maximum number of recent events."""
LAYOUT_WORDS = 9


@compiled
def block_words(events: int, tiles: int, counterparties: int) -> int:
    """Return the words of a block that holds a layout and the arrays of a history with these capacities."""
    return (
        LAYOUT_WORDS
        + HEAD_WORDS
        + EVENT_COLUMNS * events
        + TILE_COLUMNS * tiles
        + COUNTERPARTY_COLUMNS * counterparties
    )


@compiled
def lay_out(block: Words, capacities: tuple[int, int, int], retention: int, capacity: int, counts: bool) -> None:
    """Write the layout and the head of an empty history to a block.

    Args:
        block: (``block_words``,), written.
        capacities: of recent events, tiles and counterparties.
        retention: longest window plus lateness, ms.
        capacity: maximum number of recent events.
        counts: whether distinct counterparties of a hot key's older events are counted.
    """
    events, tiles, counterparties = capacities
    address = block.ctypes.data
    position = LAYOUT_WORDS
    block[HEAD_PTR] = address + WORD_BYTES * position
    head = block[position : position + HEAD_WORDS]
    head[:] = 0
    head[BASE_LAST] = NEVER
    if counts:
        enable_distinct(head)
    position += HEAD_WORDS
    block[EVENTS_PTR], block[EVENTS_CAPACITY] = address + WORD_BYTES * position, events
    position += EVENT_COLUMNS * events
    block[TILES_PTR], block[TILES_CAPACITY] = address + WORD_BYTES * position, tiles
    position += TILE_COLUMNS * tiles
    block[COUNTERPARTIES_PTR], block[COUNTERPARTIES_CAPACITY] = address + WORD_BYTES * position, counterparties
    block[RETENTION], block[CAPACITY] = retention, capacity


@compiled
def arrays_at(layout: Words) -> tuple[Words, Words, Words, Words]:
    """Return the arrays of a history: head, recent events, tiles, counterparties."""
    return (
        words_at(layout[HEAD_PTR], HEAD_WORDS),
        table_at(layout[EVENTS_PTR], EVENT_COLUMNS, layout[EVENTS_CAPACITY]),
        table_at(layout[TILES_PTR], TILE_COLUMNS, layout[TILES_CAPACITY]),
        table_at(layout[COUNTERPARTIES_PTR], COUNTERPARTY_COLUMNS, layout[COUNTERPARTIES_CAPACITY]),
    )


@compiled
def check_capacity(head: Words, recent_events: Words, tiles: Words, counterparties: Words) -> int:
    """Return ``DONE`` if every array has capacity for one more event, else the status of the full one."""
    if head[COUNT] == recent_events.shape[1]:
        return EVENTS_FULL
    if head[TILE_COUNT]:
        if head[TILE_COUNT] == tiles.shape[1]:
            return TILES_FULL
        if head[COUNTERPARTY_COUNT] == counterparties.shape[1]:
            return COUNTERPARTIES_FULL
    return DONE


@compiled
def update(
    head: Words,
    recent_events: Words,
    tiles: Words,
    counterparties: Words,
    layout: Words,
    event: Words,
    counts: bool,
    lengths: Words,
    out: Floats,
) -> int:
    """Compute the aggregates of every window that ends with an event, then insert the event.

    Requires ``check_capacity``.

    Args:
        head: head of the history.
        recent_events: events stored individually.
        tiles: tiles of older events.
        counterparties: counterparties of older events.
        layout: layout of the history.
        event: row of ``state.windowing.event_schema``.
        counts: whether the event is inserted; otherwise the aggregates are those without it.
        lengths: window lengths, ms, ascending.
        out: (windows, ``aggregates.OUT_WIDTH``), written.

    Returns:
        Status of the event.
    """
    time, key, declined, units = (
        event[event_schema.TIME],
        event[event_schema.COUNTERPARTY],
        event[event_schema.DECLINED],
        event[event_schema.UNITS],
    )
    retention, capacity = layout[RETENTION], layout[CAPACITY]
    count = head[COUNT]
    if is_expired(head, recent_events, time, retention):
        aggregate_alone(declined, units, counts, lengths, out)
        return NOT_RECENT
    row = insertion_row(recent_events, count, time)
    is_older = row == 0 and head[TILE_COUNT] > 0 and time <= tiles[LAST, head[TILE_COUNT] - 1]
    newer = -1
    if counts:
        newer = next_row_of(head, recent_events, row, key) if row < count else -1
        _update_counterparty(head, recent_events, counterparties, row, is_older, newer, time, key)
    aggregate(
        head, recent_events, tiles, counterparties, row, is_older, time, key, declined, units, counts, lengths, out
    )
    if not counts:
        return NOT_RECENT
    if is_older:
        insert_into_tiles(head, tiles, time, declined, units)
        add_to_base(head, recent_events, time, declined, units)
        return NOT_RECENT
    previous = previous_time(recent_events, row, key)
    if newer >= 0:
        recent_events[PREVIOUS, newer] = time
    insert(head, recent_events, row, time, key, previous, declined, units)
    _evict(head, recent_events, recent_events[TIME, count], retention)
    return NEEDS_COMPACTION if head[COUNT] > capacity else DONE


@compiled
def is_expired(head: Words, recent_events: Words, time: int, retention: int) -> bool:
    """Whether an event at ``time`` (ms) is older than the retention: it is not inserted and has no window."""
    count = head[COUNT]
    return count > 0 and time <= recent_events[TIME, count - 1] - retention


@compiled
def _update_counterparty(
    head: Words,
    recent_events: Words,
    counterparties: Words,
    row: int,
    is_older: bool,
    newer: int,
    time: int,
    key: int,
) -> None:
    """Keep the counterparties of a hot key's older events disjoint from those of its recent events."""
    if not head[TILE_COUNT] or newer >= 0:
        return
    if is_older:
        add_counterparty(head, counterparties, key, time)
        rebalance_strata(head, counterparties)
    elif previous_time(recent_events, row, key) == NEVER:
        remove_counterparty(head, counterparties, key)


@compiled
def _evict(head: Words, recent_events: Words, now: int, retention: int) -> None:
    """Evict events beyond the retention, once enough of them have accumulated."""
    oldest = recent_events[TIME, 0]
    if oldest > now - retention - retention // _EVICTION_SLACK:
        return
    horizon = now - retention
    head[TILE_COUNT] = 0  # tiles are older than the oldest recent event, which is beyond the retention
    clear_counterparties(head)
    evict_oldest(head, recent_events, insertion_row(recent_events, head[COUNT], horizon))


@compiled
def compact(head: Words, recent_events: Words, tiles: Words, counterparties: Words, retention: int) -> None:
    """Move the older half of the recent events to tiles and counterparties. Requires capacity for as many."""
    count = head[COUNT]
    rows = count // 2
    now = recent_events[TIME, count - 1]
    compact_tiles(head, recent_events, tiles, rows, now)
    for row in range(rows):
        if next_row_of(head, recent_events, row + 1, recent_events[KEY, row]) < 0:
            add_counterparty(head, counterparties, recent_events[KEY, row], recent_events[TIME, row])
    evict_oldest(head, recent_events, rows)
    fill_previous(recent_events, head[COUNT])
    rebalance_strata(head, counterparties)
    evict_tiles(head, tiles, now - retention)
    evict_counterparties(head, counterparties, now - retention)


@compiled
def merge_tiles(head: Words, recent_events: Words, tiles: Words) -> None:
    """Merge tiles that are old enough: late events open new ones between two compactions."""
    compact_tiles(head, recent_events, tiles, 0, recent_events[TIME, head[COUNT] - 1])
