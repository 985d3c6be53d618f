"""What is remembered of a user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xxhash

from state import habits, history
from state.compiled import compiled
from state.events import Words
from state.history import with_room
from state.packing import Upgrade, open_sealed, seal, words_of
from state.profile import LATENESS_MS, Profile
from state.times import DAY_MS
from state.versions.version_1 import user_from_version_1
from state.versions.version_2 import user_from_version_2

LONGEST_MS = 30 * DAY_MS
"""The longest window; what is kept goes back as far, and the lateness further."""
PAYMENTS_KEPT = 512
"""Payments kept one by one: windows over more are bounded forms (``state.tiles``, ``state.distinct``)."""
ACCOUNT_EVENTS_KEPT = 128

VERSION = 3
UPGRADES: Mapping[int, Upgrade] = {1: user_from_version_1, 2: user_from_version_2}

_KEY_BYTES = 8


@compiled
def _observe(
    head: Words,
    kept: Words,
    older: Words,
    parties: Words,
    habit: Words,
    table: Words,
    recent: Words,
    account_events: Words,
    time: int,
    units: int,
    merchant: int,
    declined: int,
    device: int,
    latitude: int,
    longitude: int,
    country: int,
    channel: int,
    retention: int,
    lateness: int,
    lengths: Words,
    told: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
) -> int:
    """All of ``UserProfile.observe`` in one call; what ``history.take`` says, or what is full."""
    full = history.room(head, kept, older, parties)
    if full != history.DONE:
        return full
    if not habits.has_room(habit, table, recent):
        return history.HABITS_FULL
    habits.tell(
        head, kept, older, habit, table, recent, account_events, time, units, merchant, device, country, channel, before
    )
    if not history.has_forgotten(head, kept, time, retention):
        habits.learn(habit, table, recent, time, merchant, device, latitude, longitude, country, channel, lateness)
    return history.take(
        head, kept, older, parties, time, merchant, declined, units, True, retention, PAYMENTS_KEPT, lengths, told
    )


class UserProfile(Profile):
    """One user's payments and habits. Times are epoch ms, amounts units of ``state.moments``.

    Args:
        lateness: how late a payment may come and be told, and correct, exactly, ms.

    Attributes:
        history: the payments; the other party is the merchant.
        account_events: times of account events of the last two days, ascending.
    """

    __slots__ = ("_habits", "_ids", "_known", "_recent", "account_events")

    def __init__(self, lateness: int = LATENESS_MS) -> None:
        super().__init__(LONGEST_MS, lateness, PAYMENTS_KEPT)
        self._habits, self._known, self._recent = habits.unpack(habits.EMPTY)
        self.account_events = _NO_EVENTS
        self._ids = bytearray()

    def has_seen(self, transaction_id: str) -> bool:
        """Whether the payment is among the ``PAYMENTS_KEPT`` that are kept one by one."""
        return xxhash.xxh3_64_digest(transaction_id.encode()) in self._ids

    def observe(
        self,
        transaction_id: str,
        time: int,
        units: int,
        merchant: int,
        device: int,
        latitude: int,
        longitude: int,
        country: int,
        channel: int,
        lengths: Words,
        told: npt.NDArray[np.float64],
        before: npt.NDArray[np.float64],
        *,
        declined: bool,
    ) -> None:
        """Take a payment: tell of every window that ends with it and of what was before it, and learn from it.

        Args:
            transaction_id: not taken before.
            time: event time.
            units: amount.
            merchant: its key.
            device: its key, or ``surroundings.ABSENT``, like those that follow.
            latitude: millionths of a degree.
            longitude: likewise.
            country: its key.
            channel: its key.
            lengths: of the windows, ms, ascending.
            told: (windows, ``windows.TOLD``), written.
            before: (``habits.TOLD``,), written.
            declined: whether it was declined.
        """
        own = self.history
        while (
            done := _observe(
                own.head,
                own.kept,
                own.older,
                own.parties,
                self._habits,
                self._known,
                self._recent,
                self.account_events,
                time,
                units,
                merchant,
                int(declined),
                device,
                latitude,
                longitude,
                country,
                channel,
                own.retention,
                self.lateness,
                lengths,
                told,
                before,
            )
        ) >= history.FIRST_FULL:
            self._make_room(done)
        if done != history.TOLD_ONLY:
            # One flat string of digests: a tenth of a set's memory, and it packs for nothing. A match that straddles
            # two digests is as unlikely as two ids with one digest.
            self._ids += xxhash.xxh3_64_digest(transaction_id.encode())
        if done == history.FOLD:
            own.fold()
        if len(self._ids) > _KEY_BYTES * PAYMENTS_KEPT:
            self._forget_ids()

    def _make_room(self, done: int) -> None:
        if done == history.HABITS_FULL:
            self._known, self._recent = with_room(self._known, 8), with_room(self._recent, 4)
        else:
            self.history.make_room(done)

    def _forget_ids(self) -> None:
        """Let go the ids that go with payments that the history let go."""
        del self._ids[: max(0, len(self._ids) - _KEY_BYTES * len(self.history))]

    def add_account_event(self, time: int) -> None:
        """Note an account event; more than two days older than the newest are forgotten, and the oldest of too many."""
        times = np.sort(np.append(self.account_events, time))
        self.account_events = times[times >= times[-1] - 2 * DAY_MS][-ACCOUNT_EVENTS_KEPT:].copy()

    def pack(self) -> bytes:
        """Under 4 KB for 90 payments to 40 merchants."""
        self._forget_ids()
        return seal(
            VERSION,
            (
                *self._pack_shared(),
                bytes(self._ids),
                habits.pack(self._habits, self._known, self._recent),
                self.account_events.tobytes(),
            ),
        )

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> UserProfile:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls(lateness)
        *shared, ids, habit, account_events = open_sealed(data, "user", VERSION, UPGRADES)
        profile._unpack_shared(shared)
        profile._ids = bytearray(ids)
        profile._habits, profile._known, profile._recent = habits.unpack(habit)
        profile.account_events = words_of(account_events)
        return profile


_NO_EVENTS = np.empty(0, np.int64)
