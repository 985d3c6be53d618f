"""What is remembered of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from state.kernel.addressing import AddressedArray, table_at, words_at
from state.kernel.jit import compiled
from state.kernel.sections import Upgrade, open_sealed, seal, words_of
from state.kernel.times import DAY_MS
from state.profiles import behavior, frequency_table, geo_and_channel
from state.profiles.profile import LATENESS_MS, Profile
from state.versions.version_1 import user_from_version_1
from state.versions.version_2 import user_from_version_2
from state.windowing import aggregates, event_schema, history
from state.windowing.filtered import pack_histories
from state.windowing.history import with_capacity
from state.windowing.raw_events import Words

LONGEST_MS = 30 * DAY_MS
"""The longest window; what is kept goes back as far, and the lateness further."""
PAYMENTS_KEPT = 512
"""Payments kept one by one: windows over more are bounded forms (``state.windowing.tiles``, ``state.windowing.distinct``)."""
ACCOUNT_EVENTS_KEPT = 128

VERSION = 3
UPGRADES: Mapping[int, Upgrade] = {1: user_from_version_1, 2: user_from_version_2}

_KEY_BYTES = 8
_FACT_BYTES = 8 * event_schema.USER_EVENT_WIDTH


HISTORY_PTR, LATENESS, BEHAVIOR_PTR, FREQUENCIES_PTR, RECENT_PTR, ACCOUNT_EVENTS_PTR = 0, 1, 2, 4, 6, 8
"""Where the arrays of a profile lie (``state.kernel.addressing``), and how late a payment may come, ms."""
LAYOUT_WORDS = 10


@compiled
def _habits_at(where: Words) -> tuple[Words, Words, Words]:
    return (
        words_at(where[BEHAVIOR_PTR], behavior.HABITS),
        table_at(where[FREQUENCIES_PTR], frequency_table.COLUMNS, where[FREQUENCIES_PTR + 1]),
        table_at(where[RECENT_PTR], geo_and_channel.COLUMNS, where[RECENT_PTR + 1]),
    )


@compiled
def _observe(
    where: Words, fact: Words, lengths: Words, told: npt.NDArray[np.float64], before: npt.NDArray[np.float64]
) -> int:
    """Take one payment; what ``history.take`` says, or what is full."""
    of_history = words_at(where[HISTORY_PTR], history.LAYOUT_WORDS)
    head, kept, older, parties = history.arrays_at(of_history)
    full = history.check_capacity(head, kept, older, parties)
    if full != history.DONE:
        return full
    habit, table, recent = _habits_at(where)
    if not behavior.has_room(habit, table, recent):
        return history.HABITS_FULL
    time, merchant, device = fact[event_schema.TIME], fact[event_schema.PARTY], fact[event_schema.DEVICE]
    country, channel = fact[event_schema.COUNTRY], fact[event_schema.CHANNEL]
    account_events = words_at(where[ACCOUNT_EVENTS_PTR], where[ACCOUNT_EVENTS_PTR + 1])
    behavior.lookup(
        head,
        kept,
        older,
        habit,
        table,
        recent,
        account_events,
        time,
        fact[event_schema.UNITS],
        merchant,
        device,
        country,
        channel,
        before,
    )
    if not history.has_forgotten(head, kept, time, of_history[history.RETENTION]):
        latitude, longitude, lateness = fact[event_schema.LATITUDE], fact[event_schema.LONGITUDE], where[LATENESS]
        behavior.update(habit, table, recent, time, merchant, device, latitude, longitude, country, channel, lateness)
    return history.update(head, kept, older, parties, of_history, fact, True, lengths, told)


@compiled
def _observe_from(
    row: int,
    addresses: Words,
    told_of: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
    done: Words,
) -> int:
    """Go on from a row; the row at which something is to be done first, or the end."""
    while row < addresses.shape[0]:
        done[row] = _observe(words_at(addresses[row], LAYOUT_WORDS), told_of[row], lengths, told[row], before[row])
        if history.must_pause(done[row]):
            return row
        row += 1
    return row


def observe(
    profiles: Sequence[UserProfile],
    transaction_ids: Sequence[str],
    told_of: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
) -> None:
    """Take payments: tell of every window that ends with one and of what was before it, and learn from it.

    Args:
        profiles: n, one for each payment, in order of arrival; the same one may come several times.
        transaction_ids: (n,), not taken before.
        told_of: (n, facts.OF_USER).
        lengths: of the windows, ms, ascending.
        told: (n, windows, ``windows.TOLD``), written.
        before: (n, ``habits.TOLD``), written.
    """
    keys = [xxhash.xxh3_64_digest(transaction_id.encode()) for transaction_id in transaction_ids]
    _update_all(profiles, keys, told_of, lengths, told, before)
    noted = told_of.tobytes()
    for at, profile, key in zip(range(0, len(noted), _FACT_BYTES), profiles, keys, strict=True):
        if profile.log_buffer is not None:
            profile.log_buffer += noted[at : at + _FACT_BYTES]
            profile.log_buffer += key


def _update_all(
    profiles: Sequence[UserProfile],
    keys: Sequence[bytes],
    told_of: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
) -> None:
    """``observe``, by the keys of the ids, and without telling a changelog."""
    addresses = np.array([profile.address for profile in profiles], np.int64)
    taken = history.run_batch(
        addresses,
        lambda row, done: _observe_from(row, addresses, told_of, lengths, told, before, done),
        lambda row, done: profiles[row].resume(done),
    )
    for profile, key, what in zip(profiles, keys, taken, strict=True):
        if what != history.COMPUTED_ONLY:
            profile.note_key(key)


@compiled
def _room_for(addresses: Words) -> int:
    words = 0
    for address in addresses:
        where = words_at(address, LAYOUT_WORDS)
        words += history.words_to_pack(words_at(where[HISTORY_PTR], history.LAYOUT_WORDS))
        words += behavior.words_at_most(where[FREQUENCIES_PTR + 1], where[RECENT_PTR + 1])
    return words


@compiled
def _pack_all(addresses: Words, words: Words, ends: Words) -> None:
    at = 0
    for number, address in enumerate(addresses):
        where = words_at(address, LAYOUT_WORDS)
        at += history.pack_at(words_at(where[HISTORY_PTR], history.LAYOUT_WORDS), words[at:])
        ends[number, 0] = at
        habit, table, recent = _habits_at(where)
        at += behavior.write(habit, table, recent, words[at:])
        ends[number, 1] = at


class UserProfile(Profile):
    """One user's payments and habits. Times are epoch ms, amounts units of ``state.kernel.money``.

    Args:
        lateness: how late a payment may come and be told, and correct, exactly, ms.

    Attributes:
        history: the payments; the other party is the merchant.
        account_events: times of account events of the last two days, ascending.
    """

    __slots__ = ("_account_events", "_behavior", "_frequencies", "_ids", "_recent")

    behavior = AddressedArray(BEHAVIOR_PTR)
    frequencies = AddressedArray(FREQUENCIES_PTR)
    recent = AddressedArray(RECENT_PTR)
    account_events = AddressedArray(ACCOUNT_EVENTS_PTR)

    def __init__(self, lateness: int = LATENESS_MS) -> None:
        super().__init__(LONGEST_MS, lateness, PAYMENTS_KEPT, LAYOUT_WORDS)
        self.layout[HISTORY_PTR], self.layout[LATENESS] = self.history.address, lateness
        self.behavior, self.frequencies, self.recent = behavior.unpack(behavior.EMPTY)
        self.account_events = _NO_WORDS
        self._ids = bytearray()

    def has_seen(self, transaction_id: str) -> bool:
        """Whether the payment is among the ``PAYMENTS_KEPT`` that are kept one by one."""
        self._forget_ids()
        return xxhash.xxh3_64_digest(transaction_id.encode()) in self._ids

    def note_key(self, key: bytes) -> None:
        """Remember the id of a payment that is kept one by one, by its digest."""
        # One flat string of digests: a tenth of a set's memory, and it packs for nothing. A match that straddles two
        # digests is as unlikely as two ids with one digest.
        self._ids += key
        if len(self._ids) > _KEY_BYTES * PAYMENTS_KEPT:
            self._forget_ids()

    def resume(self, done: int) -> int:
        """Do what was to be done before the next payment; how many that stopped the pass are taken, 0 or 1."""
        if done != history.HABITS_FULL:
            return self.history.resume(done)
        self.frequencies, self.recent = with_capacity(self.frequencies, 8), with_capacity(self.recent, 4)
        return 0

    def _forget_ids(self) -> None:
        """Let go the ids that go with payments that the history let go."""
        del self._ids[: max(0, len(self._ids) - _KEY_BYTES * len(self.history))]

    def add_account_event(self, time: int) -> None:
        """Note an account event; more than two days older than the newest are forgotten, and the oldest of too many."""
        times = np.sort(np.append(self.account_events, time))
        self.account_events = times[times >= times[-1] - 2 * DAY_MS][-ACCOUNT_EVENTS_KEPT:].copy()
        self.dirty = True

    def _replay_events(self, payments: bytes) -> None:
        noted = words_of(payments).reshape(-1, event_schema.USER_EVENT_WIDTH + 1)
        keys = [key.tobytes() for key in noted[:, event_schema.USER_EVENT_WIDTH]]
        told, before = np.empty((len(noted), 0, aggregates.OUT_WIDTH)), np.empty((len(noted), behavior.OUT_WIDTH))
        told_of = np.ascontiguousarray(noted[:, : event_schema.USER_EVENT_WIDTH])
        _update_all([self] * len(noted), keys, told_of, _NO_WORDS, told, before)

    def _aux_state(self) -> tuple[bytes, ...]:
        return *self._sections(), self.account_events.tobytes()

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        filtered, progress, account_events = sections
        self._unpack_sections(filtered, progress)
        self.account_events = words_of(account_events)

    @staticmethod
    def pack_all(profiles: Sequence[UserProfile]) -> list[bytes]:
        """Each as bytes: under 4 KB for 90 payments to 40 merchants."""
        addresses = np.array([profile.address for profile in profiles], np.int64)
        words, ends = np.empty(_room_for(addresses), np.int64), np.empty((len(addresses), 2), np.int64)
        _pack_all(addresses, words, ends)
        pack_histories(profiles)
        parts, start, packed = words.data.cast("B"), 0, []
        for profile, (middle, end) in zip(profiles, (8 * ends).tolist(), strict=True):
            profile._forget_ids()
            *shared, account_events = profile._aux_state()
            packed.append(
                seal(VERSION, (parts[start:middle], *shared, profile._ids, parts[middle:end], account_events))
            )
            profile.mark_clean()
            start = end
        return packed

    def pack(self) -> bytes:
        """``pack_all`` for a single one."""
        return self.pack_all([self])[0]

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> UserProfile:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls(lateness)
        of_history, filtered, progress, ids, habit, account_events = open_sealed(data, "user", VERSION, UPGRADES)
        profile.history.unpack(of_history)
        profile._restore_aux_state((filtered, progress, account_events))
        profile._ids = bytearray(ids)
        profile.behavior, profile.frequencies, profile.recent = behavior.unpack(habit)
        return profile


_NO_WORDS = np.empty(0, np.int64)
