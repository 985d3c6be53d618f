"""Large profiles are not written anew with every batch: behind one stands a journal of the payments since.

A hot merchant's profile takes 8 KB, and a payment tells it 32 bytes. What is written is what a checkpoint has to flush
and to copy, while the stages stand still. So a profile that is large is written whole once in ``PAYMENTS`` payments;
in between its journal is, under a key of its own. Whoever reads the profile has it take the payments of the journal
again, which makes of it just what it was. A small profile has no journal, and is read with one look-up.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from state import facts
from state.store import Backing, ProfileStore
from state.times import DAY_MS

LARGE = 2_048
"""Bytes from which a packed profile gets a journal."""
PAYMENTS = 64
OLDEST_MS = 7 * DAY_MS
"""A journal that spans more event time ends: what is not written for long is forgotten, and the profile is not."""

JOURNAL = "\0journal:"
"""Begins the key of a journal, before the entity's id. A promise to savepoints, like the next one."""
MARK = b"\xff"
"""Begins a profile that a journal may follow, where others have their version, and behind it a number, so that the
journal of an earlier writing is known as such."""
_NUMBER = 4
_WORD = 8
PAYMENT_BYTES = _WORD * facts.OF_SHARED
_TIME = struct.Struct("=q")


class Journaled(Protocol):
    """A profile that tells what it took since it was packed.

    Attributes:
        journal: the payments since then, if ``base`` is set, oldest first; each begins with its time, ms.
        base: number of the writing that the journal follows; 0 for none.
        changed: whether something else than payments has changed it since then.
    """

    journal: bytearray
    base: int

    @property
    def changed(self) -> bool:
        """See above."""

    def take_again(self, journal: bytes) -> None:
        """Take the payments of a journal."""


P = TypeVar("P", bound=Journaled)


class JournaledStore(ProfileStore[P]):
    """A store of profiles that may be large."""

    __slots__ = ()

    def _read(self, entity_id: str, backing: Backing) -> P:
        packed = backing.get(entity_id)
        if packed is None:
            return self._empty()
        if not packed.startswith(MARK):
            return self._unpack(packed)
        start = len(MARK) + _NUMBER
        number = packed[len(MARK) : start]
        profile = self._unpack(packed[start:])
        journal = backing.get(JOURNAL + entity_id)
        if journal is not None and journal.startswith(number):
            profile.take_again(journal[_NUMBER:])
            profile.journal = bytearray(journal[_NUMBER:])
        profile.base = int.from_bytes(number)
        return profile

    def _entries(self, profiles: Mapping[str, P]) -> dict[str, bytes]:
        whole: dict[str, P] = {}
        entries: dict[str, bytes] = {}
        for entity_id, profile in profiles.items():
            if not profile.base or profile.changed or _is_over(profile.journal):
                whole[entity_id] = profile
            else:
                entries[JOURNAL + entity_id] = profile.base.to_bytes(_NUMBER) + profile.journal
        packed: Sequence[bytes] = self._pack_all(list(whole.values()))
        for (entity_id, profile), data in zip(whole.items(), packed, strict=True):
            profile.journal.clear()
            if len(data) < LARGE:
                profile.base = 0
                entries[entity_id] = data
            else:
                profile.base = profile.base % (2 ** (8 * _NUMBER) - 1) + 1
                entries[entity_id] = MARK + profile.base.to_bytes(_NUMBER) + data
        return entries


def _is_over(journal: bytearray) -> bool:
    """Whether the profile is to be written whole."""
    if len(journal) > PAYMENTS * PAYMENT_BYTES:
        return True
    return bool(journal) and _time(journal, len(journal) - PAYMENT_BYTES) - _time(journal, 0) > OLDEST_MS


def _time(journal: bytearray, at: int) -> int:
    time: int = _TIME.unpack_from(journal, at)[0]
    return time
