"""What is remembered of something that many users share: a merchant, a device."""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import msgspec

from state.history import History, history_from_version_1
from state.packing import Upgrade, open_sealed, seal, unpack_array
from state.times import DAY_MS, HOUR_MS

LABEL_DELAY_MS = 7 * DAY_MS
"""Labels come so late: what is newer says nothing of fraud yet."""
RETENTION_MS = LABEL_DELAY_MS + 30 * DAY_MS + HOUR_MS
"""The longest window, which ends a label's delay ago, and the lateness that is corrected within it."""
FRAUDS_KEPT = 256

VERSION = 3


def _from_version_2(sections: list[bytes]) -> list[bytes]:
    """No pattern had begun."""
    return [*sections, b""]


# Version 1 kept 8 days: what it holds is a history of less.
UPGRADES: Mapping[int, Upgrade] = {1: history_from_version_1, 2: _from_version_2}


class SharedProfile:
    """Payments of many users, and which of them turned out to be fraud.

    Attributes:
        KIND: of what, for messages.
        PAYMENTS_KEPT: one by one; windows over more are bounded forms (``state.older``).
        history: the payments; the other party is the user. Their amounts are counted in sums only.
    """

    KIND: ClassVar[str]
    PAYMENTS_KEPT: ClassVar[int]

    __slots__ = ("_fraud_times", "_frauds", "_packed_progress", "_progress", "history")

    def __init__(self) -> None:
        self.history = History(RETENTION_MS, self.PAYMENTS_KEPT, in_full=False)
        self._frauds: dict[int, int] = {}
        self._fraud_times: list[int] = []
        self._progress: dict[str, list[Any]] | None = None
        self._packed_progress = b""

    @property
    def fraud_times(self) -> list[int]:
        """Event times (ms) of the payments last found to be fraud, ascending, the newest ``FRAUDS_KEPT``."""
        return self._fraud_times

    def frauds_after(self, moment: int) -> int:
        """Payments after ``moment`` (ms) that were found to be fraud so far."""
        times = self._fraud_times
        return len(times) - bisect_right(times, moment) if times else 0

    def label(self, transaction_key: int, time: int, *, fraud: bool) -> None:
        """Note what a payment was found to be; a later finding on the same payment replaces an earlier one.

        Args:
            transaction_key: ``key_of`` its id.
            time: event time of the payment, ms.
            fraud: the finding.
        """
        before = self._frauds.pop(transaction_key, None)
        if before is not None:
            self._fraud_times.remove(before)
        if not fraud:
            return
        self._frauds[transaction_key] = time
        insort(self._fraud_times, time)
        if len(self._frauds) > FRAUDS_KEPT:
            del self._frauds[min(self._frauds, key=lambda key: (self._frauds[key], key))]
            del self._fraud_times[0]

    @property
    def progress(self) -> dict[str, list[Any]]:
        """Progress of patterns by pattern id; whoever asks may change it."""
        if self._progress is None:
            packed = self._packed_progress
            self._progress = msgspec.msgpack.decode(packed, type=dict[str, list[Any]]) if packed else {}
        return self._progress

    def pack(self) -> bytes:
        """28 bytes a payment, 16 a fraud, and the progress of patterns."""
        frauds = self._frauds
        if self._progress is not None:
            self._packed_progress = msgspec.msgpack.encode(self._progress) if self._progress else b""
            self._progress = None
        return seal(
            VERSION,
            (
                *self.history.pack(),
                array("Q", frauds).tobytes(),
                array("q", frauds.values()).tobytes(),
                self._packed_progress,
            ),
        )

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls()
        *history, frauds, times, progress = open_sealed(data, cls.KIND, VERSION, UPGRADES)
        profile.history.unpack(history)
        profile._frauds = dict(zip(unpack_array("Q", frauds), unpack_array("q", times), strict=True))
        profile._fraud_times = sorted(profile._frauds.values())
        profile._packed_progress = progress
        return profile


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
