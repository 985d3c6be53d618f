"""Profiles are not written anew for every payment: a shard's changelog holds what changed since they were written.

A profile takes some kilobytes, and a payment tells a user's 80 bytes and the others 32. To pack and to write each
profile of each batch took a fifth of what the stages do, and what is written a checkpoint has to flush and to copy
while the stages stand still. So what a shard took between two checkpoints is written as one entry when the second one
begins, and profiles are written whole by and by, those first whose changes are oldest. An entry that no profile needs
any more is removed. Whoever reads a profile has it take again what the entries say since it was written, which makes of
it just what it was.

Entries have numbers. A whole profile names the one that was current when it was written: that one, and those after it,
tell what came later, and none before it does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

import msgspec

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from state.store.keyed_state import KeyedState

MARK = b"\xfe"
"""Begins a whole profile that a changelog may follow, where others have their version; behind it is the number of an
entry. A promise to savepoints, like the next three."""
NUMBER_BYTES = 8
BOUNDS = "\0changelog"
"""Key of the numbers of the first entry that there is and of the current one; an entry's own is behind a dash."""
VERSION = 1
"""Begins every entry. To be raised, with a step from the one before, where profiles note other facts of a payment or
have other sections beside it."""


class Change(msgspec.Struct, array_like=True, frozen=True):
    """What a profile took since it was last told.

    Attributes:
        payments: as it notes them, oldest first.
        beside: all that it remembers beside payments, packed; None if none of that changed.
    """

    events: bytes
    aux_state: tuple[bytes, ...] | None


class Loggable(Protocol):
    """A profile, as far as its changelog is concerned.

    Attributes:
        news: the payments since it was last told; None where there is no changelog.
    """

    log_buffer: bytearray | None

    def replay(self, change: Change) -> None:
        """Take what a changelog says."""


_encoder = msgspec.msgpack.Encoder()
_bounds = msgspec.msgpack.Decoder(tuple[int, int])
_entry = msgspec.msgpack.Decoder(tuple[int, dict[str, Change]])


class Changelog:
    """The changelog of one shard.

    Args:
        first: number of the first entry that there is.
        current: number of the entry that will hold what happens now.
    """

    def __init__(self, first: int = 0, current: int = 0) -> None:
        self._first = first
        self.current = current

    @classmethod
    def of(cls, backing: KeyedState) -> Changelog:
        """The one that the state holds, or a new one."""
        packed = backing.get(BOUNDS)
        return cls() if packed is None else cls(*_bounds.decode(packed))

    def read(self, backing: KeyedState) -> dict[str, list[tuple[int, Change]]]:
        """Changes by entity, oldest first, with the numbers of their entries; entities in the order of their first.

        Raises:
            ProfileDamagedError: an entry is not there.
            ProfileVersionError: a version wrote one that this one does not know.
        """
        changes: defaultdict[str, list[tuple[int, Change]]] = defaultdict(list)
        for number in range(self._first, self.current):
            for entity_id, change in _decode_segment(number, backing.get(_key(number))).items():
                changes[entity_id].append((number, change))
        return dict(changes)

    def roll(self, changes: Mapping[str, Change], truncate_before: int) -> tuple[dict[str, bytes], list[str]]:
        """End the current entry, and forget those that nobody needs any more.

        Args:
            changes: of the current entry.
            needed: of the first entry with a change that no whole profile holds; of the next one if there is none.

        Returns:
            What is to be written, and the keys of what is to be removed.
        """
        number, self.current = self.current, self.current + 1
        gone = [_key(entry) for entry in range(self._first, min(truncate_before, number))]
        self._first = truncate_before
        written = {BOUNDS: _encoder.encode((self._first, self.current))}
        if truncate_before <= number:
            written[_key(number)] = _encoder.encode((VERSION, changes))
        return written, gone

    def encode_snapshot(self, packed: bytes) -> bytes:
        """A profile that is written whole now."""
        return MARK + self.current.to_bytes(NUMBER_BYTES) + packed


def decode_snapshot(stored: bytes) -> tuple[int, bytes]:
    """Number of the first entry that says more of a whole profile, and the packed profile."""
    if not stored.startswith(MARK):
        return 0, stored
    start = len(MARK) + NUMBER_BYTES
    return int.from_bytes(stored[len(MARK) : start]), stored[start:]


def _decode_segment(number: int, packed: bytes | None) -> dict[str, Change]:
    if packed is None:
        raise ProfileDamagedError(f"entry {number} of a shard's changelog is not in its state")
    version, changes = _entry.decode(packed)
    if version != VERSION:
        raise ProfileVersionError(
            f"entry {number} of a shard's changelog has version {version}, this program reads version {VERSION}: "
            "run the program that wrote it, or a newer one"
        )
    return changes


def _key(number: int) -> str:
    return f"{BOUNDS}-{number}"
