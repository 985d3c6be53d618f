"""What is remembered of something that many users share: a merchant, a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from state import history, windows
from state.compiled import compiled
from state.events import Words
from state.packing import ProfileDamagedError, Upgrade, open_sealed, seal, words_of
from state.profile import LATENESS_MS, Profile
from state.search import first_after
from state.times import DAY_MS
from state.versions.version_1 import shared_from_version_1
from state.versions.version_2 import shared_from_version_2

LABEL_DELAY_MS = 7 * DAY_MS
"""Labels come so late: what is newer says nothing of fraud yet."""
LONGEST_MS = LABEL_DELAY_MS + 30 * DAY_MS
"""How far back the longest window begins, which ends a label's delay ago."""
FRAUDS_KEPT = 256

VERSION = 3
UPGRADES: Mapping[int, Upgrade] = {1: shared_from_version_1, 2: shared_from_version_2}


@compiled
def _tell_risk(
    head: Words,
    kept: Words,
    older: Words,
    fraud_times: Words,
    time: int,
    delay: int,
    lengths: Words,
    told: npt.NDArray[np.float64],
) -> None:
    end = time - delay
    known = fraud_times.shape[0]
    settled, frauds = windows.events_until(head, kept, older, end), first_after(fraud_times, known, end)
    for window in range(lengths.shape[0]):
        start = end - lengths[window]
        told[window, 0] = settled - windows.events_until(head, kept, older, start)
        told[window, 1] = frauds - first_after(fraud_times, known, start)


@compiled
def _observe(
    head: Words,
    kept: Words,
    older: Words,
    parties: Words,
    fraud_times: Words,
    time: int,
    user: int,
    units: int,
    declined: int,
    retention: int,
    capacity: int,
    lengths: Words,
    told: npt.NDArray[np.float64],
    delay: int,
    risk_lengths: Words,
    risk: npt.NDArray[np.float64],
) -> int:
    """All of ``SharedProfile.observe`` in one call; what ``history.take`` says, or what is full."""
    full = history.room(head, kept, older, parties)
    if full != history.DONE:
        return full
    _tell_risk(head, kept, older, fraud_times, time, delay, risk_lengths, risk)
    return history.take(
        head, kept, older, parties, time, user, declined, units, True, retention, capacity, lengths, told
    )


class SharedProfile(Profile):
    """Payments of many users, and which of them turned out to be fraud.

    Args:
        lateness: how late a payment may come and be told, and correct, exactly, ms.

    Attributes:
        KIND: of what, for messages.
        PAYMENTS_KEPT: one by one.
        history: the payments; the other party is the user.
        fraud_times: event times (ms) of the payments last found to be fraud, ascending, the newest ``FRAUDS_KEPT``.
    """

    KIND: ClassVar[str]
    PAYMENTS_KEPT: ClassVar[int]

    __slots__ = ("_frauds", "fraud_times")

    def __init__(self, lateness: int = LATENESS_MS) -> None:
        super().__init__(LONGEST_MS, lateness, self.PAYMENTS_KEPT)
        self._frauds: dict[int, int] = {}
        self.fraud_times = _NO_TIMES

    def observe(
        self,
        time: int,
        user: int,
        units: int,
        lengths: Words,
        told: npt.NDArray[np.float64],
        delay: int,
        risk_lengths: Words,
        risk: npt.NDArray[np.float64],
        *,
        declined: bool,
    ) -> None:
        """Take a payment: tell of every window that ends with it, and of fraud in windows that ended before it.

        Args:
            time: event time, ms.
            user: key of the user.
            units: amount, in units of ``state.moments``.
            lengths: of the windows, ms, ascending.
            told: (windows, ``windows.TOLD``), written.
            delay: how long ago the windows of the risk end, ms.
            risk_lengths: of those windows, ms.
            risk: (windows, 2), written: payments, and how many of them are known to be fraud.
            declined: whether it was declined.
        """
        own = self.history
        while (
            done := _observe(
                own.head,
                own.kept,
                own.older,
                own.parties,
                self.fraud_times,
                time,
                user,
                units,
                int(declined),
                own.retention,
                own.capacity,
                lengths,
                told,
                delay,
                risk_lengths,
                risk,
            )
        ) >= history.FIRST_FULL:
            own.make_room(done)
        if done == history.FOLD:
            own.fold()

    def label(self, transaction_key: int, time: int, *, fraud: bool) -> None:
        """Note what a payment was found to be; a later finding on the same payment replaces an earlier one.

        Args:
            transaction_key: ``key_of`` its id.
            time: event time of the payment, ms.
            fraud: the finding.
        """
        frauds = self._frauds
        known = frauds.pop(transaction_key, None) is not None
        if fraud:
            frauds[transaction_key] = time
            if len(frauds) > FRAUDS_KEPT:
                del frauds[min(frauds, key=lambda key: (frauds[key], key))]
        if fraud or known:
            self.fraud_times = _ascending(frauds)

    def pack(self) -> bytes:
        """16 bytes a payment, 16 a fraud."""
        frauds = self._frauds
        return seal(
            VERSION,
            (
                *self._pack_shared(),
                np.fromiter(frauds, np.int64, len(frauds)).tobytes() if frauds else b"",
                np.fromiter(frauds.values(), np.int64, len(frauds)).tobytes() if frauds else b"",
            ),
        )

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> Self:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls(lateness)
        *shared, frauds, times = open_sealed(data, cls.KIND, VERSION, UPGRADES)
        if len(frauds) != len(times):
            raise ProfileDamagedError("the frauds of a packed profile differ in number from their times")
        profile._unpack_shared(shared)
        profile._frauds = dict(zip(words_of(frauds).tolist(), words_of(times).tolist(), strict=True))
        profile.fraud_times = _ascending(profile._frauds)
        return profile


_NO_TIMES = np.empty(0, np.int64)


def _ascending(frauds: Mapping[int, int]) -> Words:
    return np.array(sorted(frauds.values()), np.int64) if frauds else _NO_TIMES


class MerchantProfile(SharedProfile):
    """One merchant; at most 32 KB."""

    KIND = "merchant"
    PAYMENTS_KEPT = 512
    __slots__ = ()


class DeviceProfile(SharedProfile):
    """One device; most have one user, and few payments."""

    KIND = "device"
    PAYMENTS_KEPT = 256
    __slots__ = ()
