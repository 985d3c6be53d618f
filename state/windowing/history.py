"""History of an entity's events in event time, and the aggregates of any sliding window over it.

All windows share one history. A late event is inserted at its time: its own windows end with it, and the windows of
later events include it as if it had been on time. Events at the same time are in order of arrival.

Everything is exact while at most ``capacity`` events lie within ``retention``. Beyond (a hot key), the older half of
the events moves to tiles and strata, whose errors are stated in ``state.windowing.tiles`` and
``state.windowing.distinct``. A late event of a hot key has further errors:

- A counterparty that was seen again after the event counts only if it was also seen before the event among the recent
  events. So the distinct count of its windows is too low by at most the number of newer events.
- For an event older than all recent ones, ``state.profiles.behavior`` uses what is stored: the largest amount can be a
  newer one, counts of hours and visits include newer events in tiles, and the last time is as blurred as a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from state.kernel.addressing import AddressedArray, address_of, words_at
from state.kernel.jit import compiled
from state.kernel.sections import ProfileDamagedError, words_of
from state.kernel.types import Flags, Floats, Words
from state.windowing.batch import DONE, EVENTS_FULL, NEEDS_COMPACTION, TILES_FULL, must_pause, run_batch
from state.windowing.distinct import (
    COUNTERPARTY_COLUMNS,
    COUNTERPARTY_COUNT,
    HEAD_WORDS,
    STRATUM_COUNT,
)
from state.windowing.history_codec import max_history_words, packed_capacities, read_history, write_history
from state.windowing.history_update import (
    COUNTERPARTIES_CAPACITY,
    COUNTERPARTIES_PTR,
    EVENTS_CAPACITY,
    EVENTS_PTR,
    LAYOUT_WORDS,
    RETENTION,
    TILES_CAPACITY,
    TILES_PTR,
    arrays_at,
    block_words,
    check_capacity,
    compact,
    lay_out,
    merge_tiles,
    update,
)
from state.windowing.raw_events import COUNT, EVENT_COLUMNS
from state.windowing.tiles import TILE_COLUMNS, TILE_COUNT

_EMPTY = 8, 0, 0
"""Capacities of a new history: recent events, tiles, counterparties."""
_SPARE = 32


@compiled
def _run_from(
    row: int, addresses: Words, events: Words, counts: Flags, lengths: Words, rows: Words, out: Floats, status: Words
) -> int:
    """Update from a row on; return the row that must pause, or the number of rows."""
    while row < addresses.shape[0]:
        layout, event_row = words_at(addresses[row], LAYOUT_WORDS), rows[row]
        head, recent_events, tiles, counterparties = arrays_at(layout)
        status[row] = check_capacity(head, recent_events, tiles, counterparties)
        if status[row] == DONE:
            status[row] = update(
                head,
                recent_events,
                tiles,
                counterparties,
                layout,
                events[event_row],
                counts[row],
                lengths,
                out[event_row],
            )
        if must_pause(status[row]):
            return row
        row += 1
    return row


def observe(
    histories: Sequence[History], events: Words, counts: Flags, lengths: Words, rows: Words, out: Floats
) -> None:
    """Update histories with events and compute the aggregates of every window that ends with one of them.

    Args:
        histories: the history of each update, n in order of arrival; one history may occur several times.
        events: rows of ``state.windowing.event_schema``, (events, SHARED_EVENT_WIDTH or more).
        counts: whether the event of each update is inserted, (n,); otherwise its windows are those without it.
        lengths: window lengths, ms, ascending.
        rows: row of each update in ``events`` and ``out``, (n,).
        out: (events, windows, ``aggregates.OUT_WIDTH``), written.
    """
    addresses = np.array([history.address for history in histories], np.int64)
    run_batch(
        addresses,
        lambda row, status: _run_from(row, addresses, events, counts, lengths, rows, out, status),
        lambda row, status: histories[row].resume(status),
    )
    for history, is_inserted in zip(histories, counts.tolist(), strict=True):
        if is_inserted:
            history.packed = b""


class History:
    """Events of one entity: time (ms), amount (units), key of the counterparty, declined or not.

    Args:
        retention: longest window plus lateness, ms.
        capacity: maximum number of recent events, at least 2.
        counts_distinct: whether distinct counterparties of a hot key's older events are counted.
        packed: made by ``pack``, to restore; empty for a new history.

    Raises:
        ProfileDamagedError: if the packed bytes are truncated or inconsistent.

    Attributes:
        layout: block of memory that begins with the addresses of its arrays; ``address`` is the layout's own.
        recent_events: newest events, stored individually, (``EVENT_COLUMNS``, capacity so far).
        tiles: tiles of a hot key's older events, (``TILE_COLUMNS``, capacity so far).
        counterparties: counterparties of those, (``COUNTERPARTY_COLUMNS``, capacity so far).
        packed: cache for the packed form; empty after an event was inserted.
    """

    __slots__ = (
        "_counterparties",
        "_recent_events",
        "_retention",
        "_tiles",
        "address",
        "capacity",
        "layout",
        "packed",
    )

    recent_events = AddressedArray(EVENTS_PTR, EVENT_COLUMNS)
    tiles = AddressedArray(TILES_PTR, TILE_COLUMNS)
    counterparties = AddressedArray(COUNTERPARTIES_PTR, COUNTERPARTY_COLUMNS)

    def __init__(self, retention: int, capacity: int, *, counts_distinct: bool = True, packed: bytes = b"") -> None:
        words = words_of(packed)
        capacities = packed_capacities(words) if packed else _EMPTY
        if capacities[0] < 0:
            raise ProfileDamagedError(f"{len(packed)} bytes are not a packed history")
        self.layout = np.empty(block_words(*capacities), np.int64)
        self.address = address_of(self.layout)
        self._retention, self.capacity, self.packed = retention, capacity, b""
        self._recent_events = self._tiles = self._counterparties = None
        _open(self.layout, capacities, retention, capacity, counts_distinct, words)
        while len(self) > capacity:
            self._compact()

    @property
    def head(self) -> Words:
        """Counts and totals (``raw_events``, ``tiles`` and ``distinct`` of ``state.windowing``)."""
        return self.layout[LAYOUT_WORDS : LAYOUT_WORDS + HEAD_WORDS]

    def __len__(self) -> int:
        """Return the number of recent events."""
        return int(self.layout[LAYOUT_WORDS + COUNT])

    @property
    def retention(self) -> int:
        """Longest window plus lateness, ms."""
        return self._retention

    @retention.setter
    def retention(self, retention: int) -> None:
        self.layout[RETENTION] = self._retention = retention

    @property
    def counts_distinct(self) -> bool:
        """Whether distinct counterparties of a hot key's older events are counted."""
        return bool(self.head[STRATUM_COUNT])

    def observe(
        self,
        time: int,
        key: int,
        units: int,
        lengths: Words,
        out: Floats,
        *,
        declined: bool = False,
        counts: bool = True,
    ) -> None:
        """Update with a single event: ``observe`` with ``out`` of shape (windows, ``aggregates.OUT_WIDTH``)."""
        event = np.array([[time, key, units, declined]], np.int64)
        observe([self], event, np.array([counts]), lengths, np.zeros(1, np.int64), out[None])

    def resume(self, status: int) -> int:
        """Handle the status at which a pass paused; return the number of events done by that, 0 or 1."""
        if status == NEEDS_COMPACTION:
            self._compact()
            return 1
        self._grow(status)
        return 0

    def _grow(self, status: int) -> None:
        """Make capacity in the array that the status names."""
        if status == EVENTS_FULL:
            capacity = self.recent_events.shape[1]
            self.recent_events = with_capacity(self.recent_events, min(capacity, self.capacity + 1 - capacity))
        elif status == TILES_FULL:
            merge_tiles(self.head, self.recent_events, self.tiles)
            if self.head[TILE_COUNT] > self.tiles.shape[1] - _SPARE // 2:
                self.tiles = with_capacity(self.tiles, _SPARE)
        else:
            self.counterparties = with_capacity(self.counterparties, _SPARE)

    def _compact(self) -> None:
        """Move the older half of the recent events to tiles and counterparties."""
        rows = len(self) // 2
        head = self.head
        self.tiles = with_capacity(self.tiles[:, : head[TILE_COUNT]], rows)
        self.counterparties = with_capacity(self.counterparties[:, : head[COUNTERPARTY_COUNT]], rows)
        compact(head, self.recent_events, self.tiles, self.counterparties, self.retention)
        self.tiles = with_capacity(self.tiles[:, : head[TILE_COUNT]], _SPARE)
        self.counterparties = with_capacity(self.counterparties[:, : head[COUNTERPARTY_COUNT]], _SPARE)

    def pack(self) -> bytes:
        """Pack this history alone (see ``pack``)."""
        return pack([self])[0]


@compiled
def _open(
    block: Words, capacities: tuple[int, int, int], retention: int, capacity: int, counts: bool, words: Words
) -> None:
    """Lay a history out in a block, and read it from packed words unless there are none."""
    lay_out(block, capacities, retention, capacity, counts)
    if words.shape[0]:
        head, recent_events, tiles, counterparties = arrays_at(block)
        read_history(words, head, recent_events, tiles, counterparties)


@compiled
def packed_words_at_most(layout: Words) -> int:
    """Return an upper bound of the words of a packed history."""
    return max_history_words(layout[EVENTS_CAPACITY], layout[TILES_CAPACITY], layout[COUNTERPARTIES_CAPACITY])


@compiled
def pack_at(layout: Words, words: Words) -> int:
    """Write a packed history to ``words``; return the number of words."""
    head, recent_events, tiles, counterparties = arrays_at(layout)
    return write_history(head, recent_events, tiles, counterparties, words)


@compiled
def _total_words(addresses: Words) -> int:
    words = 0
    for address in addresses:
        words += packed_words_at_most(words_at(address, LAYOUT_WORDS))
    return words


@compiled
def _pack_all(addresses: Words, words: Words, ends: Words) -> None:
    position = 0
    for number, address in enumerate(addresses):
        position += pack_at(words_at(address, LAYOUT_WORDS), words[position:])
        ends[number] = position


def pack(histories: Sequence[History]) -> list[bytes]:
    """Pack histories: about 16 bytes per recent event, plus the older events of a hot key."""
    addresses = np.array([history.address for history in histories], np.int64)
    words, ends = np.empty(_total_words(addresses), np.int64), np.empty(len(addresses), np.int64)
    _pack_all(addresses, words, ends)
    return [words[start:end].tobytes() for start, end in pairwise((0, *ends.tolist()))]


def with_capacity(table: Words, columns: int) -> Words:
    """Copy a matrix and append uninitialized columns."""
    rows, used = table.shape
    larger = np.empty((rows, used + columns), np.int64)
    larger[:, :used] = table
    return larger
