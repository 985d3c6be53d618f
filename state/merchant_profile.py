"""What is remembered of a merchant."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from state.history import History
from state.packing import Upgrade, open_sealed, seal, unpack_array
from state.times import DAY_MS, HOUR_MS

RETENTION_MS = 7 * DAY_MS + HOUR_MS
"""The longest window, and the lateness that is corrected within it."""
PAYMENTS_KEPT = 512
"""Payments kept one by one: windows over more are bounded forms (``state.older``)."""
FRAUDS_KEPT = 256

VERSION = 1
UPGRADES: Mapping[int, Upgrade] = {}


class MerchantProfile:
    """One merchant's payments, and which of them turned out to be fraud.

    Attributes:
        history: the payments; the other party is the user. Their amounts are counted in sums only.
    """

    __slots__ = ("_frauds", "history")

    def __init__(self) -> None:
        self.history = History(RETENTION_MS, PAYMENTS_KEPT, in_full=False)
        self._frauds: dict[int, int] = {}

    @property
    def fraud_times(self) -> list[int]:
        """Event times (ms) of the payments last found to be fraud, ascending, the newest ``FRAUDS_KEPT``."""
        return sorted(self._frauds.values())

    def label(self, transaction_key: int, time: int, *, fraud: bool) -> None:
        """Note what a payment was found to be; a later finding on the same payment replaces an earlier one.

        Args:
            transaction_key: ``key_of`` its id.
            time: event time of the payment, ms.
            fraud: the finding.
        """
        if not fraud:
            self._frauds.pop(transaction_key, None)
            return
        self._frauds[transaction_key] = time
        if len(self._frauds) > FRAUDS_KEPT:
            del self._frauds[min(self._frauds, key=lambda key: (self._frauds[key], key))]

    def pack(self) -> bytes:
        """28 bytes a payment; at most 32 KB for the hottest merchant."""
        frauds = self._frauds
        return seal(
            VERSION,
            (*self.history.pack(), array("Q", frauds).tobytes(), array("q", frauds.values()).tobytes()),
        )

    @classmethod
    def unpack(cls, data: bytes) -> MerchantProfile:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls()
        *history, frauds, times = open_sealed(data, "merchant", VERSION, UPGRADES)
        profile.history.unpack(history)
        profile._frauds = dict(zip(unpack_array("Q", frauds), unpack_array("q", times), strict=True))
        return profile
