"""Profile of a user: payments, behavior, account events, and the ids of recent payments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xxhash

from state.kernel.addressing import WORD_BYTES, AddressedArray, table_at, words_at
from state.kernel.jit import compiled
from state.kernel.sections import Packed, ProfileDamagedError, Upgrade, decode_versioned, encode_versioned, words_of
from state.kernel.times import DAY_MS
from state.kernel.types import Floats, Words
from state.profiles import behavior, frequency_table, geo_and_channel
from state.profiles.behavior_codec import EMPTY_BEHAVIOR, max_behavior_words, packed_rows, read_behavior, write_behavior
from state.profiles.profile import LATENESS_MS, Profile
from state.windowing import aggregates, event_schema, history_update, raw_events
from state.windowing.batch import BEHAVIOR_FULL, DONE, NOT_RECENT, must_pause, run_batch
from state.windowing.filtered import pack_histories
from state.windowing.history import History, pack_at, packed_words_at_most, with_capacity

LONGEST_MS = 30 * DAY_MS
"""Longest window, ms."""
MAX_RECENT_PAYMENTS = 512
"""Payments stored individually; windows over more are approximate (``state.windowing.tiles``,
``state.windowing.distinct``)."""
MAX_ACCOUNT_EVENTS = 128
_ACCOUNT_EVENT_RETENTION_MS = 2 * DAY_MS

VERSION = 1
UPGRADES: Mapping[int, Upgrade] = {}
"""By stored version, the step to the next one."""

_ID_BYTES = 8
_EVENT_BYTES = 8 * event_schema.USER_EVENT_WIDTH

HISTORY_PTR, LATENESS, BEHAVIOR_PTR, FREQUENCIES_PTR, RECENT_PTR, ACCOUNT_EVENTS_PTR = 0, 1, 2, 4, 6, 8
"""Layout of a profile (``state.kernel.addressing``): its history, its lateness (ms), and its other arrays, each with
the length behind the address."""
LAYOUT_WORDS = 10


@compiled
def _block_words(rows: int, recent: int) -> int:
    """Return the words of a block that holds a layout, behavior, and tables with these capacities."""
    return LAYOUT_WORDS + behavior.BEHAVIOR_WORDS + frequency_table.COLUMNS * rows + geo_and_channel.COLUMNS * recent


@compiled
def _open(block: Words, history: int, lateness: int, rows: int, recent: int, words: Words) -> bool:
    """Lay a profile out in a block, without account events, and read its behavior; False if that is damaged.

    Args:
        block: (``_block_words``,), written.
        history: address of the history.
        lateness: delay up to which a late payment is exact, ms.
        rows: capacity of the frequency table.
        recent: capacity of the recent payments.
        words: packed behavior.
    """
    address, position = block.ctypes.data, LAYOUT_WORDS
    block[HISTORY_PTR], block[LATENESS] = history, lateness
    block[BEHAVIOR_PTR], block[BEHAVIOR_PTR + 1] = address + WORD_BYTES * position, behavior.BEHAVIOR_WORDS
    position += behavior.BEHAVIOR_WORDS
    block[FREQUENCIES_PTR], block[FREQUENCIES_PTR + 1] = address + WORD_BYTES * position, rows
    position += frequency_table.COLUMNS * rows
    block[RECENT_PTR], block[RECENT_PTR + 1] = address + WORD_BYTES * position, recent
    block[ACCOUNT_EVENTS_PTR], block[ACCOUNT_EVENTS_PTR + 1] = address, 0
    counts, frequencies, payments = _behavior_at(block)
    return read_behavior(counts, frequencies, payments, words) == words.shape[0]


@compiled
def _behavior_at(layout: Words) -> tuple[Words, Words, Words]:
    """Return behavior, frequency table and recent payments."""
    return (
        words_at(layout[BEHAVIOR_PTR], behavior.BEHAVIOR_WORDS),
        table_at(layout[FREQUENCIES_PTR], frequency_table.COLUMNS, layout[FREQUENCIES_PTR + 1]),
        table_at(layout[RECENT_PTR], geo_and_channel.COLUMNS, layout[RECENT_PTR + 1]),
    )


@compiled
def _observe(layout: Words, event: Words, lengths: Words, out: Floats, behavior_out: Floats) -> int:
    """Update one profile with one payment; return the status."""
    history_layout = words_at(layout[HISTORY_PTR], history_update.LAYOUT_WORDS)
    head, recent_events, tiles, counterparties = history_update.arrays_at(history_layout)
    status = history_update.check_capacity(head, recent_events, tiles, counterparties)
    if status != DONE:
        return status
    counts, frequencies, recent = _behavior_at(layout)
    if not behavior.has_capacity(counts, frequencies, recent):
        return BEHAVIOR_FULL
    time, merchant = event[event_schema.TIME], event[event_schema.COUNTERPARTY]
    device, country, channel = event[event_schema.DEVICE], event[event_schema.COUNTRY], event[event_schema.CHANNEL]
    account_events = words_at(layout[ACCOUNT_EVENTS_PTR], layout[ACCOUNT_EVENTS_PTR + 1])
    behavior.lookup(
        head,
        recent_events,
        tiles,
        counts,
        frequencies,
        recent,
        account_events,
        time,
        event[event_schema.UNITS],
        merchant,
        device,
        country,
        channel,
        behavior_out,
    )
    if not history_update.is_expired(head, recent_events, time, history_layout[history_update.RETENTION]):
        latitude, longitude, lateness = event[event_schema.LATITUDE], event[event_schema.LONGITUDE], layout[LATENESS]
        behavior.update(
            counts, frequencies, recent, time, merchant, device, latitude, longitude, country, channel, lateness
        )
    return history_update.update(head, recent_events, tiles, counterparties, history_layout, event, True, lengths, out)


@compiled
def _run_from(
    row: int, addresses: Words, events: Words, lengths: Words, out: Floats, behavior_out: Floats, status: Words
) -> int:
    """Update from a row on; return the row that must pause, or the number of rows."""
    while row < addresses.shape[0]:
        layout = words_at(addresses[row], LAYOUT_WORDS)
        status[row] = _observe(layout, events[row], lengths, out[row], behavior_out[row])
        if must_pause(status[row]):
            return row
        row += 1
    return row


def observe(
    profiles: Sequence[UserProfile],
    transaction_ids: Sequence[str],
    events: Words,
    lengths: Words,
    out: Floats,
    behavior_out: Floats,
) -> None:
    """Update profiles with payments; compute the aggregates of windows that end with one, and the behavior before it.

    Args:
        profiles: the profile of each payment, n in order of arrival; one profile may occur several times.
        transaction_ids: ids of the payments, (n,), new to their profiles.
        events: rows of ``state.windowing.event_schema``, (n, USER_EVENT_WIDTH).
        lengths: window lengths, ms, ascending.
        out: (n, windows, ``aggregates.OUT_WIDTH``), written.
        behavior_out: (n, ``behavior.OUT_WIDTH``), written.
    """
    ids = [xxhash.xxh3_64_digest(transaction_id.encode()) for transaction_id in transaction_ids]
    _update_all(profiles, ids, events, lengths, out, behavior_out)
    packed = events.tobytes()
    for start, profile, digest in zip(range(0, len(packed), _EVENT_BYTES), profiles, ids, strict=True):
        if profile.log_buffer is not None:
            profile.log_buffer += packed[start : start + _EVENT_BYTES]
            profile.log_buffer += digest


def _update_all(
    profiles: Sequence[UserProfile],
    ids: Sequence[bytes],
    events: Words,
    lengths: Words,
    out: Floats,
    behavior_out: Floats,
) -> None:
    """Update like ``observe``, with digests of the transaction ids, and without a log."""
    addresses = np.array([profile.address for profile in profiles], np.int64)
    statuses = run_batch(
        addresses,
        lambda row, status: _run_from(row, addresses, events, lengths, out, behavior_out, status),
        lambda row, status: profiles[row].resume(status),
    )
    for profile, digest, status in zip(profiles, ids, statuses, strict=True):
        if status != NOT_RECENT:
            profile.add_id(digest)


@compiled
def _total_words(addresses: Words) -> int:
    words = 0
    for address in addresses:
        layout = words_at(address, LAYOUT_WORDS)
        words += packed_words_at_most(words_at(layout[HISTORY_PTR], history_update.LAYOUT_WORDS))
        words += max_behavior_words(layout[FREQUENCIES_PTR + 1], layout[RECENT_PTR + 1])
    return words


@compiled
def _pack_all(addresses: Words, words: Words, ends: Words) -> None:
    """Write history and behavior of each profile, and the positions at which they end, (profiles, 2)."""
    position = 0
    for number, address in enumerate(addresses):
        layout = words_at(address, LAYOUT_WORDS)
        position += pack_at(words_at(layout[HISTORY_PTR], history_update.LAYOUT_WORDS), words[position:])
        ends[number, 0] = position
        counts, frequencies, recent = _behavior_at(layout)
        position += write_behavior(counts, frequencies, recent, words[position:])
        ends[number, 1] = position


class UserProfile(Profile):
    """Profile of a user; at most 32 KB when packed. Times are epoch ms, amounts units of ``state.kernel.money``.

    Args:
        lateness: delay up to which a late payment is exact, ms.
        history: packed, to restore; empty for a new profile.
        packed_behavior: to restore.

    Raises:
        ProfileDamagedError: if packed bytes are truncated or inconsistent.

    Attributes:
        history: history of the payments; the counterparty is the merchant.
        behavior: hours and counts (``state.profiles.behavior``).
        frequencies: frequency table (``state.profiles.frequency_table``).
        recent: recent payments (``state.profiles.geo_and_channel``).
        account_events: times of account events of the last two days, ascending, at most ``MAX_ACCOUNT_EVENTS``.
    """

    __slots__ = ("_account_events", "_behavior", "_frequencies", "_ids", "_recent")

    behavior = AddressedArray(BEHAVIOR_PTR)
    frequencies = AddressedArray(FREQUENCIES_PTR, frequency_table.COLUMNS)
    recent = AddressedArray(RECENT_PTR, geo_and_channel.COLUMNS)
    account_events = AddressedArray(ACCOUNT_EVENTS_PTR)

    def __init__(
        self, lateness: int = LATENESS_MS, history: bytes = b"", packed_behavior: bytes = EMPTY_BEHAVIOR
    ) -> None:
        payments = History(LONGEST_MS + lateness, MAX_RECENT_PAYMENTS, packed=history)
        words = words_of(packed_behavior)
        rows, recent = packed_rows(words)
        block = np.empty(_block_words(max(rows, 0), recent), np.int64)
        if rows < 0 or not _open(block, payments.address, lateness, rows, recent, words):
            raise ProfileDamagedError(f"{len(packed_behavior)} bytes are not packed behavior")
        super().__init__(payments, lateness, block)
        self._behavior = self._frequencies = self._recent = self._account_events = None
        self._ids = bytearray()

    def has_seen(self, transaction_id: str) -> bool:
        """Whether the payment is among the recent ones, at most ``MAX_RECENT_PAYMENTS``."""
        self._evict_ids()
        return xxhash.xxh3_64_digest(transaction_id.encode()) in self._ids

    def holds(self, time: int, merchant: int, units: int) -> bool:
        """Whether a payment is among those that are stored individually.

        With ``has_seen`` it tells a repeat from another payment under the same id, at no cost in memory.

        Args:
            time: event time, ms.
            merchant: key of the merchant.
            units: amount.
        """
        head, events = self.history.head, self.history.recent_events[:, : len(self.history)]
        # Without compiled code: repeats are rare, and their first one would wait for a compiler.
        amounts = np.diff(events[raw_events.UNITS], prepend=head[raw_events.BASE_UNITS])
        same = (events[raw_events.TIME] == time) & (events[raw_events.KEY] == merchant) & (amounts == units)
        return bool(same.any())

    def add_id(self, digest: bytes) -> None:
        """Add the digest of a recent payment's id."""
        # One flat string of digests takes a tenth of a set's memory and is its own packed form. A match across two
        # digests is as unlikely as a collision of two.
        self._ids += digest
        if len(self._ids) > _ID_BYTES * MAX_RECENT_PAYMENTS:
            self._evict_ids()

    def resume(self, status: int) -> int:
        """Handle the status at which a pass paused; return the number of payments done by that, 0 or 1."""
        if status != BEHAVIOR_FULL:
            return self.history.resume(status)
        self.frequencies, self.recent = with_capacity(self.frequencies, 8), with_capacity(self.recent, 4)
        return 0

    def _evict_ids(self) -> None:
        """Remove the oldest ids, as many as payments left the recent ones."""
        del self._ids[: max(0, len(self._ids) - _ID_BYTES * len(self.history))]

    def add_account_event(self, time: int) -> None:
        """Add an account event; evict those more than two days older than the newest, and the oldest of too many."""
        times = np.sort(np.append(self.account_events, time))
        self.account_events = times[times >= times[-1] - _ACCOUNT_EVENT_RETENTION_MS][-MAX_ACCOUNT_EVENTS:].copy()
        self.dirty = True

    def _replay_events(self, events: bytes) -> None:
        rows = words_of(events).reshape(-1, event_schema.USER_EVENT_WIDTH + 1)
        ids = [digest.tobytes() for digest in rows[:, event_schema.USER_EVENT_WIDTH]]
        out, behavior_out = np.empty((len(rows), 0, aggregates.OUT_WIDTH)), np.empty((len(rows), behavior.OUT_WIDTH))
        columns = np.ascontiguousarray(rows[:, : event_schema.USER_EVENT_WIDTH])
        _update_all([self] * len(rows), ids, columns, _NO_WORDS, out, behavior_out)

    def _aux_state(self) -> tuple[bytes, ...]:
        return *self._pack_common(), self.account_events.tobytes()

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        filtered, progress, account_events = sections
        self._restore_common(filtered, progress)
        if account_events or self._account_events is not None:
            self.account_events = words_of(account_events)

    @staticmethod
    def pack_all(profiles: Sequence[UserProfile]) -> list[bytes]:
        """Pack profiles and mark them clean: under 4 KB for 90 payments to 40 merchants."""
        addresses = np.array([profile.address for profile in profiles], np.int64)
        words, ends = np.empty(_total_words(addresses), np.int64), np.empty((len(addresses), 2), np.int64)
        _pack_all(addresses, words, ends)
        pack_histories(profiles)
        data, start, packed = words.data.cast("B"), 0, []
        for profile, (middle, end) in zip(profiles, (8 * ends).tolist(), strict=True):
            profile._evict_ids()
            *common, account_events = profile._aux_state()
            sections: list[Packed] = [data[start:middle], *common, profile._ids, data[middle:end], account_events]
            packed.append(encode_versioned(VERSION, sections))
            profile.mark_clean()
            start = end
        return packed

    def pack(self) -> bytes:
        """Pack this profile alone (see ``pack_all``)."""
        return self.pack_all([self])[0]

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> UserProfile:
        """Restore a packed profile.

        Raises:
            ProfileVersionError: if the version is unknown.
            ProfileDamagedError: if the bytes are truncated or inconsistent.
        """
        history, filtered, progress, ids, packed_behavior, account_events = decode_versioned(
            data, "user", VERSION, UPGRADES
        )
        profile = cls(lateness, history, packed_behavior)
        profile._restore_aux_state((filtered, progress, account_events))
        profile._ids = bytearray(ids)
        return profile


_NO_WORDS = np.empty(0, np.int64)
