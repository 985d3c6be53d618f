"""Profiles of entities that many users share: merchants and devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from state.kernel.addressing import AddressedArray, words_at
from state.kernel.jit import compiled
from state.kernel.search import first_after
from state.kernel.sections import ProfileDamagedError, Upgrade, decode_versioned, encode_versioned, words_of
from state.kernel.times import DAY_MS, NEVER
from state.kernel.types import Floats, Words
from state.profiles.profile import LATENESS_MS, Profile
from state.windowing import aggregates, event_schema, history_update
from state.windowing.batch import DONE, must_pause, run_batch
from state.windowing.filtered import pack_histories
from state.windowing.history import History, pack

LABEL_DELAY_MS = 7 * DAY_MS
"""Delay of labels: fraud shares exclude payments that are newer than this."""
LONGEST_MS = LABEL_DELAY_MS + 30 * DAY_MS
"""Age at which the longest window begins; it ends a label's delay ago."""
MAX_FRAUDS = 256
MAX_CLEARED = 128
"""Payments last labeled as legitimate, kept so that an older word that comes later is known to be older."""
_EVENT_BYTES = 8 * event_schema.SHARED_EVENT_WIDTH

VERSION = 1
UPGRADES: Mapping[int, Upgrade] = {}
"""By stored version, the step to the next one."""

HISTORY_PTR, FRAUDS_PTR = 0, 1
"""Layout of a profile (``state.kernel.addressing``): its history, its fraud times and their number."""
LAYOUT_WORDS = 3
"""Words of the layout."""


@compiled
def _compute_risk(
    head: Words,
    recent_events: Words,
    tiles: Words,
    fraud_times: Words,
    time: int,
    delay: int,
    lengths: Words,
    out: Floats,
) -> None:
    """Write the number of payments and of known frauds in each window that ends ``delay`` before ``time``."""
    end = time - delay
    count = fraud_times.shape[0]
    settled = aggregates.event_count_until(head, recent_events, tiles, end)
    frauds = first_after(fraud_times, count, end)
    for window in range(lengths.shape[0]):
        start = end - lengths[window]
        out[window, 0] = settled - aggregates.event_count_until(head, recent_events, tiles, start)
        out[window, 1] = frauds - first_after(fraud_times, count, start)


@compiled
def _observe(
    layout: Words, event: Words, lengths: Words, out: Floats, delay: int, risk_lengths: Words, risk: Floats
) -> int:
    """Update one profile with one payment; return the status."""
    history_layout = words_at(layout[HISTORY_PTR], history_update.LAYOUT_WORDS)
    head, recent_events, tiles, counterparties = history_update.arrays_at(history_layout)
    status = history_update.check_capacity(head, recent_events, tiles, counterparties)
    if status != DONE:
        return status
    fraud_times = words_at(layout[FRAUDS_PTR], layout[FRAUDS_PTR + 1])
    _compute_risk(head, recent_events, tiles, fraud_times, event[event_schema.TIME], delay, risk_lengths, risk)
    return history_update.update(head, recent_events, tiles, counterparties, history_layout, event, True, lengths, out)


@compiled
def _run_from(
    row: int,
    addresses: Words,
    events: Words,
    lengths: Words,
    out: Floats,
    delay: int,
    risk_lengths: Words,
    risk: Floats,
    status: Words,
) -> int:
    """Update from a row on; return the row that must pause, or the number of rows."""
    while row < addresses.shape[0]:
        layout = words_at(addresses[row], LAYOUT_WORDS)
        status[row] = _observe(layout, events[row], lengths, out[row], delay, risk_lengths, risk[row])
        if must_pause(status[row]):
            return row
        row += 1
    return row


def observe(
    profiles: Sequence[SharedProfile],
    events: Words,
    lengths: Words,
    out: Floats,
    delay: int,
    risk_lengths: Words,
    risk: Floats,
) -> None:
    """Update profiles with payments; compute the aggregates of windows that end with one, and the risk before it.

    Args:
        profiles: the profile of each payment, n in order of arrival; one profile may occur several times.
        events: rows of ``state.windowing.event_schema``, (n, SHARED_EVENT_WIDTH).
        lengths: window lengths, ms, ascending.
        out: (n, windows, ``aggregates.OUT_WIDTH``), written.
        delay: time between the end of the risk windows and the payment, ms.
        risk_lengths: lengths of the risk windows, ms.
        risk: (n, risk windows, 2), written: number of payments, and of those known to be fraud.
    """
    addresses = np.array([profile.address for profile in profiles], np.int64)
    run_batch(
        addresses,
        lambda row, status: _run_from(row, addresses, events, lengths, out, delay, risk_lengths, risk, status),
        lambda row, status: profiles[row].history.resume(status),
    )
    packed = events.tobytes()
    for start, profile in zip(range(0, len(packed), _EVENT_BYTES), profiles, strict=True):
        if profile.log_buffer is not None:
            profile.log_buffer += packed[start : start + _EVENT_BYTES]


class SharedProfile(Profile):
    """Payments of many users, and which of them were labeled as fraud.

    Args:
        lateness: delay up to which a late payment is exact, ms.
        history: packed, to restore; empty for a new profile.

    Attributes:
        KIND: kind of entity, for error messages.
        MAX_RECENT_PAYMENTS: maximum number of payments stored individually.
        history: history of the payments; the counterparty is the user.
        fraud_times: event times (ms) of the payments last labeled as fraud, ascending, at most ``MAX_FRAUDS``.
    """

    KIND: ClassVar[str]
    MAX_RECENT_PAYMENTS: ClassVar[int]

    __slots__ = ("_cleared", "_fraud_times", "_frauds")

    fraud_times = AddressedArray(FRAUDS_PTR)

    def __init__(self, lateness: int = LATENESS_MS, history: bytes = b"") -> None:
        payments = History(LONGEST_MS + lateness, self.MAX_RECENT_PAYMENTS, packed=history)
        super().__init__(payments, lateness, np.array((payments.address, 0, 0), np.int64))
        self.layout[FRAUDS_PTR] = self.address  # of no fraud times
        self._frauds: dict[int, tuple[int, int]] = {}
        self._cleared: dict[int, int] = {}
        self._fraud_times = None

    def _replay_events(self, events: bytes) -> None:
        rows = words_of(events).reshape(-1, event_schema.SHARED_EVENT_WIDTH)
        out, risk = np.empty((len(rows), 0, aggregates.OUT_WIDTH)), np.empty((len(rows), 0, 2))
        observe([self] * len(rows), rows, _NO_TIMES, out, 0, _NO_TIMES, risk)

    def label(self, transaction_key: int, time: int, known_at: int, *, fraud: bool) -> None:
        """Record the label of a payment, unless a label of the same payment is known that was given later.

        So the last word holds, in whatever order and batches labels arrive. Of two labels given at the same time, the
        one that arrives later holds.

        Args:
            transaction_key: ``key_of`` the transaction id.
            time: event time of the payment, ms.
            known_at: when the label was given, ms.
            fraud: whether the payment is labeled as fraud.
        """
        frauds, cleared = self._frauds, self._cleared
        was_fraud = transaction_key in frauds
        if known_at < (frauds[transaction_key][1] if was_fraud else cleared.get(transaction_key, known_at)):
            return
        frauds.pop(transaction_key, None)
        cleared.pop(transaction_key, None)
        if fraud:
            frauds[transaction_key] = time, known_at
            if len(frauds) > MAX_FRAUDS:
                del frauds[min(frauds, key=lambda key: (frauds[key][0], key))]
        else:
            cleared[transaction_key] = known_at
            if len(cleared) > MAX_CLEARED:
                del cleared[min(cleared, key=lambda key: (cleared[key], key))]
        self.dirty = True
        if fraud or was_fraud:
            self.fraud_times = _ascending(frauds)

    @staticmethod
    def pack_all(profiles: Sequence[SharedProfile]) -> list[bytes]:
        """Pack profiles and mark them clean: about 16 bytes per recent payment, 24 per fraud, 16 per cleared one."""
        pack_histories(profiles)
        histories = pack([profile.history for profile in profiles])
        packed = [
            encode_versioned(VERSION, (history, *profile._aux_state()))
            for profile, history in zip(profiles, histories, strict=True)
        ]
        for profile in profiles:
            profile.mark_clean()
        return packed

    def _aux_state(self) -> tuple[bytes, ...]:
        return *self._pack_common(), *self._pack_labels()

    def _restore_aux_state(self, sections: tuple[bytes, ...]) -> None:
        filtered, progress, keys, times = sections
        self._restore_common(filtered, progress)
        if keys or times or self._frauds or self._cleared:
            self._frauds, self._cleared = _unpack_labels(words_of(keys).tolist(), words_of(times).tolist())
            self.fraud_times = _ascending(self._frauds)

    def _pack_labels(self) -> tuple[bytes, bytes]:
        """Pack the keys of labeled payments, frauds first; event times of frauds, then when labels were given."""
        frauds, cleared = self._frauds, self._cleared
        if not frauds and not cleared:
            return b"", b""
        times = [time for time, _ in frauds.values()]
        known = [known_at for _, known_at in frauds.values()]
        return (
            np.array([*frauds, *cleared], np.int64).tobytes(),
            np.array([_KNOWN_FOLLOWS, *times, *known, *cleared.values()], np.int64).tobytes(),
        )

    def pack(self) -> bytes:
        """Pack this profile alone (see ``pack_all``)."""
        return self.pack_all([self])[0]

    @classmethod
    def unpack(cls, data: bytes, lateness: int = LATENESS_MS) -> Self:
        """Restore a packed profile.

        Raises:
            ProfileVersionError: if the version is unknown.
            ProfileDamagedError: if the bytes are truncated or inconsistent.
        """
        history, *aux_state = decode_versioned(data, cls.KIND, VERSION, UPGRADES)
        profile = cls(lateness, history)
        profile._restore_aux_state(tuple(aux_state))
        return profile


_NO_TIMES = np.empty(0, np.int64)
_KNOWN_FOLLOWS = NEVER
"""First word of the packed times of labels, where the times at which they were given are among them. Persisted."""


def _ascending(frauds: Mapping[int, tuple[int, int]]) -> Words:
    return np.array(sorted([time for time, _ in frauds.values()]), np.int64) if frauds else _NO_TIMES


def _unpack_labels(keys: Sequence[int], times: Sequence[int]) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Restore frauds, with event time and the time at which each was known, and cleared payments, with the latter.

    Raises:
        ProfileDamagedError: if the numbers of keys and times do not fit.
    """
    if times[:1] != [_KNOWN_FOLLOWS]:
        # Written before the time at which a label was given was stored: any label counts as newer.
        times = [_KNOWN_FOLLOWS, *times, *[NEVER] * len(keys)]
    frauds = len(times) - 1 - len(keys)
    if not 0 <= frauds <= len(keys):
        raise ProfileDamagedError("the labels of a packed profile differ in number from their times")
    event_times, known = times[1 : frauds + 1], times[frauds + 1 :]
    return (
        dict(zip(keys[:frauds], zip(event_times, known[:frauds], strict=True), strict=True)),
        dict(zip(keys[frauds:], known[frauds:], strict=True)),
    )


class MerchantProfile(SharedProfile):
    """Profile of a merchant; at most 32 KB when packed."""

    KIND = "merchant"
    MAX_RECENT_PAYMENTS = 512
    __slots__ = ()


class DeviceProfile(SharedProfile):
    """Profile of a device; most devices have one user and few payments."""

    KIND = "device"
    MAX_RECENT_PAYMENTS = 256
    __slots__ = ()
