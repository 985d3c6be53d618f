"""What is remembered of a user."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

import msgspec
import xxhash

from state.history import History, history_from_version_1
from state.keys import put_last
from state.packing import Upgrade, open_sealed, seal, unpack_array
from state.surroundings import Surroundings
from state.times import DAY_MS, HOUR_MS

LATENESS_MS = HOUR_MS
"""What comes at most so late is told, and corrects, exactly."""
RETENTION_MS = 30 * DAY_MS + LATENESS_MS
"""The longest window, and the lateness that is corrected within it."""
PAYMENTS_KEPT = 512
"""Payments kept one by one: windows over more are bounded forms (``state.older``)."""
MERCHANTS_KNOWN = 128
DEVICES_KNOWN = 32
ACCOUNT_EVENTS_KEPT = 128

VERSION = 2


def _from_version_1(sections: list[bytes]) -> list[bytes]:
    """Nothing was known of places and channels."""
    return [*history_from_version_1(sections), b""]


UPGRADES: Mapping[int, Upgrade] = {1: _from_version_1}

_HOURS = 24
_KEY_BYTES = 8


class UserProfile:
    """One user's payments and habits. Times are epoch ms, amounts units of ``state.moments``.

    Attributes:
        history: the payments; the other party is the merchant.
        hours: payments in each hour of the day (UTC), ever.
        merchants: payments to each known merchant by ``key_of``, the one known longest first.
        devices: first use of each known device by ``key_of``, the one used last at the end.
        paid: last time of each amount, for those paid in the last day and some that were before.
        account_events: times of account events of the last day, ascending.
        surroundings: where and through which channels.
    """

    __slots__ = (
        "_ids",
        "_packed_progress",
        "_progress",
        "account_events",
        "devices",
        "history",
        "hours",
        "merchants",
        "paid",
        "surroundings",
    )

    def __init__(self) -> None:
        self.history = History(RETENTION_MS, PAYMENTS_KEPT, in_full=True)
        self.hours = array("I", bytes(4 * _HOURS))
        self.merchants: dict[int, int] = {}
        self.devices: dict[int, int] = {}
        self.paid: dict[int, int] = {}
        self.account_events = array("q")
        self.surroundings = Surroundings(LATENESS_MS)
        self._ids = bytearray()
        self._progress: dict[str, list[Any]] | None = None
        self._packed_progress = b""

    def has_seen(self, transaction_id: str) -> bool:
        """Whether the payment is among the ``PAYMENTS_KEPT`` that are kept one by one."""
        return xxhash.xxh3_64_digest(transaction_id.encode()) in self._ids

    def see(self, transaction_id: str) -> None:
        """Remember a payment's id, as long as there are as many younger payments in the history."""
        # One flat string of digests: a tenth of a set's memory, and it packs for nothing. A match that straddles two
        # digests is as unlikely as two ids with one digest.
        self._ids += xxhash.xxh3_64_digest(transaction_id.encode())

    def forget_old(self) -> None:
        """Let go what goes with payments that the history let go."""
        times = self.history.times
        del self._ids[: max(0, len(self._ids) - _KEY_BYTES * len(times))]
        start = max(times[0], times[-1] - 2 * DAY_MS)
        self.paid = {units: time for units, time in self.paid.items() if time >= start}

    def learn(self, time: int, hour: int, merchant: int, units: int, device: int | None) -> None:
        """Take what a payment says of the user's habits: all but the history itself."""
        self.hours[hour] += 1
        self.paid[units] = max(self.paid.get(units, time), time)
        merchants = self.merchants
        merchants[merchant] = merchants.get(merchant, 0) + 1
        if len(merchants) > MERCHANTS_KNOWN:
            self._forget_merchants()
        if device is not None:
            devices = self.devices
            put_last(devices, device, min(devices.get(device, time), time), DEVICES_KNOWN)

    def _forget_merchants(self) -> None:
        """Of too many merchants, forget those paid least often, and of those the ones known longest."""
        visits = sorted(self.merchants.items(), key=lambda entry: entry[1])
        for merchant, _ in visits[: MERCHANTS_KNOWN // 4]:
            del self.merchants[merchant]

    def add_account_event(self, time: int) -> None:
        """Note an account event; more than a day older than the newest are forgotten, and the oldest of too many."""
        events = self.account_events
        events.insert(bisect_right(events, time), time)
        old = bisect_left(events, events[-1] - 2 * DAY_MS)
        del events[: max(old, len(events) - ACCOUNT_EVENTS_KEPT)]

    def account_events_between(self, start: int, end: int) -> int:
        """Number of account events after ``start``, up to and including ``end`` (ms), of the last day."""
        events = self.account_events
        return bisect_right(events, end) - bisect_right(events, start) if events else 0

    @property
    def progress(self) -> dict[str, list[Any]]:
        """Progress of patterns by pattern id; whoever asks may change it."""
        if self._progress is None:
            packed = self._packed_progress
            self._progress = msgspec.msgpack.decode(packed, type=dict[str, list[Any]]) if packed else {}
        return self._progress

    def pack(self) -> bytes:
        """Under 4 KB for 90 payments to 30 merchants."""
        if self._progress is not None:
            self._packed_progress = msgspec.msgpack.encode(self._progress) if self._progress else b""
            # Few payments touch a pattern: the next one that does reads it again, and the others pack it for nothing.
            self._progress = None
        return seal(
            VERSION,
            (
                *self.history.pack(),
                bytes(self._ids),
                self.hours.tobytes(),
                array("Q", self.merchants).tobytes(),
                array("I", self.merchants.values()).tobytes(),
                array("Q", self.devices).tobytes(),
                array("q", self.devices.values()).tobytes(),
                self.account_events.tobytes(),
                self._packed_progress,
                self.surroundings.pack(),
            ),
        )

    @classmethod
    def unpack(cls, data: bytes) -> UserProfile:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls()
        *history, ids, hours, merchants, visits, devices, first_uses, events, progress, places = open_sealed(
            data, "user", VERSION, UPGRADES
        )
        profile.history.unpack(history)
        profile._ids = bytearray(ids)
        profile.hours = unpack_array("I", hours)
        profile.merchants = dict(zip(unpack_array("Q", merchants), unpack_array("I", visits), strict=True))
        profile.devices = dict(zip(unpack_array("Q", devices), unpack_array("q", first_uses), strict=True))
        profile.account_events = unpack_array("q", events)
        profile._packed_progress = progress
        profile.surroundings = Surroundings.unpack(LATENESS_MS, places)
        profile._restore_paid()
        return profile

    def _restore_paid(self) -> None:
        history = self.history
        if history.times:
            start = bisect_left(history.times, history.times[-1] - 2 * DAY_MS)
            amounts = history.amounts(start, len(history.times))
            self.paid = dict(zip(amounts, history.times[start:], strict=True))
