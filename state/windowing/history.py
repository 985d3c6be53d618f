"""What an entity did, in order of event time, and what any sliding window over it adds up to.

Every window shares the one history. An event that comes late is put in its place; its own windows end at it, and later
ones see it as if it had come in time. Equal times count in order of arrival.

Everything is exact while no more than ``capacity`` events lie within ``retention``. Beyond (a hot key) the older half
goes to tiles and strata, whose errors are stated in ``state.windowing.tiles`` and ``state.windowing.distinct``. A late event of a hot key
has errors more. A party that was seen again since counts as seen before the event only if that was among the events
still kept one by one; so the different parties of its windows are too few by at most the number of newer events. And
of one that is older than all that are kept one by one, what ``state.profiles.behavior`` tells goes by what is kept: the largest
amount may be a newer one's, visits and hours count newer ones in tiles, and the last time is blurred as a tile is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from state.kernel.addressing import AddressedArray, address_of, table_at, words_at
from state.kernel.jit import compiled
from state.kernel.times import NEVER
from state.windowing import aggregates, distinct, event_schema, history_codec, raw_events, tiles
from state.windowing.raw_events import COUNT, KEY, TIME, Words

HEAD = distinct.HEAD
_SLACK = 8  # forgetting waits until the oldest is this part of the retention too old: then it is done for many at once
_ROOM_AT_FIRST = 8
_SPARE = 32
NO_TILES = np.zeros((tiles.COLUMNS, 0), np.int64)
NO_PARTIES = np.zeros((distinct.COLUMNS, 0), np.int64)

DONE, FOLD, COMPUTED_ONLY, EVENTS_FULL, TILES_FULL, COUNTERPARTIES_FULL, HABITS_FULL = range(7)
"""What ``take`` says: taken; taken, and now there are too many; not kept one by one, for it is too late or does not
count. And what ``room``, or who calls it, says: what is full, so that nothing was done."""
FIRST_FULL = EVENTS_FULL

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
"""Where the arrays of a history lie, and how far back it goes, ms, and how many events it keeps one by one."""
LAYOUT_WORDS = 9


@compiled
def check_capacity(head: Words, kept: Words, older: Words, parties: Words) -> int:
    """``DONE`` if one event more fits everywhere, else what is full."""
    if head[COUNT] == kept.shape[1]:
        return EVENTS_FULL
    if head[tiles.TILES]:
        if head[tiles.TILES] == older.shape[1]:
            return TILES_FULL
        if head[distinct.PARTIES] == parties.shape[1]:
            return COUNTERPARTIES_FULL
    return DONE


@compiled
def update(
    head: Words,
    kept: Words,
    older: Words,
    parties: Words,
    where: Words,
    fact: Words,
    counts: bool,
    lengths: Words,
    told: npt.NDArray[np.float64],
) -> int:
    """Tell of every window that ends with an event (``state.windowing.event_schema``), and take it if it counts. There must be room."""
    time, key, declined, units = (
        fact[event_schema.TIME],
        fact[event_schema.PARTY],
        fact[event_schema.DECLINED],
        fact[event_schema.UNITS],
    )
    retention, capacity = where[RETENTION], where[CAPACITY]
    count = head[COUNT]
    if has_forgotten(head, kept, time, retention):
        aggregates.aggregate_alone(declined, units, counts, lengths, told)
        return COMPUTED_ONLY
    row = raw_events.place(kept, count, time)
    is_older = row == 0 and head[tiles.TILES] > 0 and time <= older[tiles.LAST, head[tiles.TILES] - 1]
    newer = -1
    if counts:
        newer = raw_events.next_row_of(head, kept, row, key) if row < count else -1
        _note_party(head, kept, parties, row, is_older, newer, time, key)
    aggregates.aggregate(head, kept, older, parties, row, is_older, time, key, declined, units, counts, lengths, told)
    if not counts:
        return COMPUTED_ONLY
    if is_older:
        tiles.insert(head, older, time, declined, units)
        raw_events.add_to_base(head, kept, time, declined, units)
        return COMPUTED_ONLY
    seen = raw_events.seen_before(kept, row, key)
    if newer >= 0:
        kept[raw_events.SEEN, newer] = time
    raw_events.insert(head, kept, row, time, key, seen, declined, units)
    _forget(head, kept, older, parties, kept[TIME, count], retention)
    return FOLD if head[COUNT] > capacity else DONE


@compiled
def has_forgotten(head: Words, kept: Words, time: int, retention: int) -> bool:
    """Whether what was at ``time`` (ms) is too old to be kept: an event of then is told of, but not taken."""
    count = head[COUNT]
    return count > 0 and time <= kept[TIME, count - 1] - retention


@compiled
def _note_party(
    head: Words, kept: Words, parties: Words, row: int, is_older: bool, newer: int, time: int, key: int
) -> None:
    """Of a hot key: a party counts among the older ones just when it is not among the events kept one by one."""
    if not head[tiles.TILES] or newer >= 0:
        return
    if is_older:
        distinct.see(head, parties, key, time)
        distinct.bound(head, parties)
    elif raw_events.seen_before(kept, row, key) == NEVER:
        distinct.discard(head, parties, key)


@compiled
def _forget(head: Words, kept: Words, older: Words, parties: Words, now: int, retention: int) -> None:
    """Let go what no window reaches any more, once there is enough of it."""
    oldest = kept[TIME, 0]
    if oldest > now - retention - retention // _SLACK:
        return
    horizon = now - retention
    head[tiles.TILES] = 0  # older than the oldest kept one by one, which is too old
    distinct.begin(head)
    raw_events.drop(head, kept, raw_events.place(kept, head[COUNT], horizon))


@compiled
def fold(head: Words, kept: Words, older: Words, parties: Words, retention: int) -> None:
    """Give the older half of the events to the tiles and strata. There must be room for as many."""
    count = head[COUNT]
    rows = count // 2
    now = kept[TIME, count - 1]
    tiles.take(head, kept, older, rows, now)
    for row in range(rows):
        if raw_events.next_row_of(head, kept, row + 1, kept[KEY, row]) < 0:
            distinct.see(head, parties, kept[KEY, row], kept[TIME, row])
    raw_events.drop(head, kept, rows)
    raw_events.find_seen(kept, head[COUNT])
    distinct.bound(head, parties)
    tiles.forget_until(head, older, now - retention)
    distinct.forget_until(head, parties, now - retention)


@compiled
def merge(head: Words, kept: Words, older: Words) -> None:
    """Let tiles be one that have grown old enough: late events open new ones between two folds."""
    tiles.take(head, kept, older, 0, kept[TIME, head[COUNT] - 1])


@compiled
def arrays_at(where: Words) -> tuple[Words, Words, Words, Words]:
    """The head, the events kept one by one, the tiles and the parties."""
    return (
        words_at(where[HEAD_PTR], HEAD),
        table_at(where[EVENTS_PTR], raw_events.COLUMNS, where[EVENTS_CAPACITY]),
        table_at(where[TILES_PTR], tiles.COLUMNS, where[TILES_CAPACITY]),
        table_at(where[COUNTERPARTIES_PTR], distinct.COLUMNS, where[COUNTERPARTIES_CAPACITY]),
    )


@compiled
def must_pause(done: int) -> bool:
    """Whether something is to be done before the next event is taken: a fold, or room to be made."""
    return done == FOLD or done >= FIRST_FULL


@compiled
def _observe_from(
    row: int,
    addresses: Words,
    told_of: Words,
    counts: npt.NDArray[np.bool_],
    lengths: Words,
    rows: Words,
    told: npt.NDArray[np.float64],
    done: Words,
) -> int:
    """Go on from a row; the row at which something is to be done first, or the end."""
    while row < addresses.shape[0]:
        where, at = words_at(addresses[row], LAYOUT_WORDS), rows[row]
        head, kept, older, parties = arrays_at(where)
        done[row] = check_capacity(head, kept, older, parties)
        if done[row] == DONE:
            done[row] = update(head, kept, older, parties, where, told_of[at], counts[row], lengths, told[at])
        if must_pause(done[row]):
            return row
        row += 1
    return row


def run_batch(addresses: Words, go_on: Callable[[int, Words], int], settle: Callable[[int, int], int]) -> list[int]:
    """Take events in as few compiled passes as it goes.

    Args:
        addresses: of what takes them, (n,), one for each event.
        go_on: goes on from a row, notes what is done in (n,), and says at which row something is to be done first.
        settle: does that, of a row and of what is noted there; how many events that stopped the pass are taken, 0 or 1.

    Returns:
        What ``take`` said of each event.
    """
    done, row = np.empty(len(addresses), np.int64), 0
    while (row := go_on(row, done)) < len(addresses):
        row += settle(row, int(done[row]))
    found: list[int] = done.tolist()
    return found


def observe(
    histories: Sequence[History],
    told_of: Words,
    counts: npt.NDArray[np.bool_],
    lengths: Words,
    rows: Words,
    told: npt.NDArray[np.float64],
) -> None:
    """Take events, and tell of every window that ends with one of them.

    Args:
        histories: n, one for each event, in order of arrival; the same one may come several times.
        told_of: (payments, facts.OF_SHARED or more).
        counts: (n,); False: it is only asked what there was up to the event.
        lengths: of the windows, ms, ascending.
        rows: of the events in ``told_of`` and in ``told``, (n,).
        told: (payments, windows, ``windows.TOLD``), written.
    """
    addresses = np.array([history.address for history in histories], np.int64)
    run_batch(
        addresses,
        lambda row, done: _observe_from(row, addresses, told_of, counts, lengths, rows, told, done),
        lambda row, done: histories[row].resume(done),
    )
    for history, counted in zip(histories, counts.tolist(), strict=True):
        if counted:
            history.packed = b""


class History:
    """Events of one entity: time (ms), amount (units), the key of the other party, declined or not.

    Args:
        retention: how far back windows and lateness together reach, ms.
        capacity: events kept one by one, at least 2.
        parties: whether different parties are to be told of a hot key's older past, too.

    Attributes:
        where: where its arrays lie; ``address`` says where that is.
        head: counts and totals (``state.windowing.raw_events``, ``state.windowing.tiles``, ``state.windowing.distinct``).
        kept: the newest events, one by one, (``events.COLUMNS``, room).
        older: tiles of what is older of a hot key, (``tiles.COLUMNS``, room).
        parties: the parties seen there last, (``distinct.COLUMNS``, room).
        packed: for whoever packs it; empty again once ``observe`` has taken an event.
    """

    __slots__ = (
        "_counterparties",
        "_recent_events",
        "_retention",
        "_tiles",
        "address",
        "capacity",
        "head",
        "layout",
        "packed",
    )

    recent_events = AddressedArray(EVENTS_PTR)
    tiles = AddressedArray(TILES_PTR)
    counterparties = AddressedArray(COUNTERPARTIES_PTR)

    def __init__(self, retention: int, capacity: int, *, parties: bool = True) -> None:
        self.layout = np.empty(LAYOUT_WORDS, np.int64)
        self.address = address_of(self.layout)
        self.head = np.zeros(HEAD, np.int64)
        self.layout[HEAD_PTR] = address_of(self.head)
        self.layout[CAPACITY] = self.capacity = capacity
        self.retention = retention
        self.head[raw_events.BASE_LAST] = NEVER
        (distinct.keep_all if parties else distinct.keep_none)(self.head)
        self.recent_events = np.empty((raw_events.COLUMNS, _ROOM_AT_FIRST), np.int64)  # noqa: PLE0237 - a descriptor
        self.tiles = NO_TILES  # noqa: PLE0237 - a descriptor
        self.counterparties = NO_PARTIES  # noqa: PLE0237 - a descriptor
        self.packed = b""

    def __len__(self) -> int:
        """How many events are kept one by one."""
        return int(self.head[COUNT])

    @property
    def retention(self) -> int:
        """How far back windows and lateness together reach, ms."""
        return self._retention

    @retention.setter
    def retention(self, retention: int) -> None:
        self.layout[RETENTION] = self._retention = retention

    @property
    def counts_distinct(self) -> bool:
        """Whether different parties are told of a hot key's older past, too."""
        return bool(self.head[distinct.STRATA])

    def observe(
        self,
        time: int,
        key: int,
        units: int,
        lengths: Words,
        told: npt.NDArray[np.float64],
        *,
        declined: bool = False,
        counts: bool = True,
    ) -> None:
        """Take one event: ``observe`` for a single one; ``told`` is (windows, ``windows.TOLD``), written."""
        fact = np.array([[time, key, units, declined]], np.int64)
        observe([self], fact, np.array([counts]), lengths, np.zeros(1, np.int64), told[None])

    def resume(self, done: int) -> int:
        """Do what was to be done before the next event; how many events that stopped the pass are taken, 0 or 1."""
        if done == FOLD:
            self.fold()
            return 1
        self.grow(done)
        return 0

    def grow(self, full: int) -> None:
        """Make room where ``room`` said that there is none."""
        if full == EVENTS_FULL:
            self.recent_events = with_capacity(
                self.recent_events, min(self.recent_events.shape[1], self.capacity + 1 - self.recent_events.shape[1])
            )
        elif full == TILES_FULL:
            merge(self.head, self.recent_events, self.tiles)
            if self.head[tiles.TILES] > self.tiles.shape[1] - _SPARE // 2:
                self.tiles = with_capacity(self.tiles, _SPARE)
        else:
            self.counterparties = with_capacity(self.counterparties, _SPARE)

    def fold(self) -> None:
        """Give the older half of the events to the tiles and strata."""
        rows = len(self) // 2
        head = self.head
        self.tiles = with_capacity(self.tiles[:, : head[tiles.TILES]], rows)
        self.counterparties = with_capacity(self.counterparties[:, : head[distinct.PARTIES]], rows)
        fold(head, self.recent_events, self.tiles, self.counterparties, self.retention)
        self.tiles = with_capacity(self.tiles[:, : head[tiles.TILES]], _SPARE)
        self.counterparties = with_capacity(self.counterparties[:, : head[distinct.PARTIES]], _SPARE)

    def pack(self) -> bytes:
        """About 16 bytes an event, and what a hot key needs."""
        return pack([self])[0]

    def unpack(self, data: bytes) -> None:
        """Become what ``pack`` packed.

        Raises:
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        self.recent_events, self.tiles, self.counterparties = history_codec.unpack(data, self.head)
        while len(self) > self.capacity:
            self.fold()


@compiled
def words_to_pack(where: Words) -> int:
    """How many words a packed history takes at most."""
    return history_codec.words_at_most(where[EVENTS_CAPACITY], where[TILES_CAPACITY], where[COUNTERPARTIES_CAPACITY])


@compiled
def pack_at(where: Words, words: Words) -> int:
    """Write a history as packed; how many words that took."""
    head, kept, older, parties = arrays_at(where)
    return history_codec.pack(head, kept, older, parties, words)


@compiled
def _room_for(addresses: Words) -> int:
    words = 0
    for address in addresses:
        words += words_to_pack(words_at(address, LAYOUT_WORDS))
    return words


@compiled
def _pack_all(addresses: Words, words: Words, ends: Words) -> None:
    at = 0
    for number, address in enumerate(addresses):
        at += pack_at(words_at(address, LAYOUT_WORDS), words[at:])
        ends[number] = at


def pack(histories: Sequence[History]) -> list[bytes]:
    """Each as bytes: about 16 an event, and what a hot key needs."""
    addresses = np.array([history.address for history in histories], np.int64)
    words, ends = np.empty(_room_for(addresses), np.int64), np.empty(len(addresses), np.int64)
    _pack_all(addresses, words, ends)
    return [words[start:end].tobytes() for start, end in pairwise((0, *ends.tolist()))]


def with_capacity(table: Words, more: int) -> Words:
    """A table with so many columns more."""
    rows, columns = table.shape
    larger = np.empty((rows, columns + more), np.int64)
    larger[:, :columns] = table
    return larger
