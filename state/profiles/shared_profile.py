"""What is remembered of something that many users share: a merchant, a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from state.kernel.addressing import AddressedArray, words_at
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.sections import ProfileDamagedError, Upgrade, open_sealed, seal, words_of
from state.kernel.times import DAY_MS
from state.profiles.profile import LATENESS_MS, Profile
from state.versions.version_1 import shared_from_version_1
from state.versions.version_2 import shared_from_version_2
from state.windowing import aggregates, event_schema, history
from state.windowing.filtered import pack_histories
from state.windowing.raw_events import Words

LABEL_DELAY_MS = 7 * DAY_MS
"""Labels come so late: what is newer says nothing of fraud yet."""
LONGEST_MS = LABEL_DELAY_MS + 30 * DAY_MS
"""How far back the longest window begins, which ends a label's delay ago."""
FRAUDS_KEPT = 256
_PAYMENT_BYTES = 8 * event_schema.SHARED_EVENT_WIDTH

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
    settled, frauds = aggregates.events_until(head, kept, older, end), first_after(fraud_times, known, end)
    for window in range(lengths.shape[0]):
        start = end - lengths[window]
        told[window, 0] = settled - aggregates.events_until(head, kept, older, start)
        told[window, 1] = frauds - first_after(fraud_times, known, start)


HISTORY_PTR, FRAUDS_PTR = 0, 1
"""Where the arrays of a profile lie (``state.kernel.addressing``)."""
LAYOUT_WORDS = 3


@compiled
def _observe(
    where: Words,
    fact: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    delay: int,
    risk_lengths: Words,
    risk: npt.NDArray[np.float64],
) -> int:
    """Take one payment; what ``history.take`` says, or what is full."""
    of_history = words_at(where[HISTORY_PTR], history.LAYOUT_WORDS)
    head, kept, older, parties = history.arrays_at(of_history)
    full = history.check_capacity(head, kept, older, parties)
    if full != history.DONE:
        return full
    fraud_times = words_at(where[FRAUDS_PTR], where[FRAUDS_PTR + 1])
    _tell_risk(head, kept, older, fraud_times, fact[event_schema.TIME], delay, risk_lengths, risk)
    return history.update(head, kept, older, parties, of_history, fact, True, lengths, told)


@compiled
def _observe_from(
    row: int,
    addresses: Words,
    told_of: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    delay: int,
    risk_lengths: Words,
    risk: npt.NDArray[np.float64],
    done: Words,
) -> int:
    """Go on from a row; the row at which something is to be done first, or the end."""
    while row < addresses.shape[0]:
        where = words_at(addresses[row], LAYOUT_WORDS)
        done[row] = _observe(where, told_of[row], lengths, told[row], delay, risk_lengths, risk[row])
        if history.must_pause(done[row]):
            return row
        row += 1
    return row


def observe(
    profiles: Sequence[SharedProfile],
    told_of: Words,
    lengths: Words,
    told: npt.NDArray[np.float64],
    delay: int,
    risk_lengths: Words,
    risk: npt.NDArray[np.float64],
) -> None:
    """Take payments: tell of every window that ends with one, and of fraud in windows that ended before it.

    Args:
        profiles: n, one for each payment, in order of arrival; the same one may come several times.
        told_of: (n, facts.OF_SHARED).
        lengths: of the windows, ms, ascending.
        told: (n, windows, ``windows.TOLD``), written.
        delay: how long ago the windows of the risk end, ms.
        risk_lengths: of those windows, ms.
        risk: (n, windows, 2), written: payments, and how many of them are known to be fraud.
    """
    addresses = np.array([profile.address for profile in profiles], np.int64)
    history.run_batch(
        addresses,
        lambda row, done: _observe_from(row, addresses, told_of, lengths, told, delay, risk_lengths, risk, done),
        lambda row, done: profiles[row].history.resume(done),
    )
    noted = told_of.tobytes()
    for at, profile in zip(range(0, len(noted), _PAYMENT_BYTES), profiles, strict=True):
        if profile.log_buffer is not None:
            profile.log_buffer += noted[at : at + _PAYMENT_BYTES]


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

    __slots__ = ("_fraud_times", "_frauds")

    fraud_times = AddressedArray(FRAUDS_PTR)

    def __init__(self, lateness: int = LATENESS_MS) -> None:
        super().__init__(LONGEST_MS, lateness, self.PAYMENTS_KEPT, LAYOUT_WORDS)
        self.layout[HISTORY_PTR] = self.history.address
        self._frauds: dict[int, int] = {}
        self.fraud_times = _NO_TIMES

    def _replay_events(self, payments: bytes) -> None:
        told_of = words_of(payments).reshape(-1, event_schema.SHARED_EVENT_WIDTH)
        told, risk = np.empty((len(told_of), 0, aggregates.OUT_WIDTH)), np.empty((len(told_of), 0, 2))
        observe([self] * len(told_of), told_of, _NO_TIMES, told, 0, _NO_TIMES, risk)

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
            self.dirty = True
            self.fraud_times = _ascending(frauds)

    @staticmethod
    def pack_all(profiles: Sequence[SharedProfile]) -> list[bytes]:
        """Each as bytes: 16 a payment, 16 a fraud."""
        pack_histories(profiles)
        histories = history.pack([profile.history for profile in profiles])
        packed = [
            seal(VERSION, (of_history, *profile._aux_state()))
            for profile, of_history in zip(profiles, histories, strict=True)
        ]
        for profile in profiles:
            profile.mark_clean()
        return packed

    def _aux_state(self) -> tuple[bytes, ...]:
        return *self._sections(), *self._packed_frauds()

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        filtered, progress, frauds, times = sections
        if len(frauds) != len(times):
            raise ProfileDamagedError("the frauds of a packed profile differ in number from their times")
        self._unpack_sections(filtered, progress)
        self._frauds = dict(zip(words_of(frauds).tolist(), words_of(times).tolist(), strict=True))
        self.fraud_times = _ascending(self._frauds)

    def _packed_frauds(self) -> tuple[bytes, bytes]:
        frauds = self._frauds
        if not frauds:
            return b"", b""
        return (
            np.fromiter(frauds, np.int64, len(frauds)).tobytes(),
            np.fromiter(frauds.values(), np.int64, len(frauds)).tobytes(),
        )

    def pack(self) -> bytes:
        """``pack_all`` for a single one."""
        return self.pack_all([self])[0]

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> Self:
        """What ``pack`` packed.

        Raises:
            ProfileVersionError: if a version wrote it that this one does not know.
            ProfileDamagedError: if the bytes are cut short or run over.
        """
        profile = cls(lateness)
        of_history, *beside = open_sealed(data, cls.KIND, VERSION, UPGRADES)
        profile.history.unpack(of_history)
        profile._restore_aux_state(tuple(beside))
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
