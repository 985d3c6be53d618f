"""Profiles are not written anew for every payment: a shard's changelog holds what changed since they were written.

A profile takes some kilobytes, and a payment tells it 80 bytes. To pack and to write each profile of each batch took a
fifth of what the stages do, and what is written a checkpoint has to flush and to copy while the stages stand still. So
what a shard took between two checkpoints is written as one entry when the second one begins, and profiles are written
whole by and by, those first whose changes are oldest. An entry that no profile needs any more is removed. Whoever reads
a profile has it take again what the entries say since it was written, which makes of it just what it was.

Entries have numbers, one for each checkpoint. A whole profile names the entry that was open when it was written: that
one, and those after it, tell what came later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

MARK = b"\xfe"
"""Begins a whole profile that a changelog may follow, where others have their version; behind it is the number of an
entry. A promise to savepoints, like the next two."""
NUMBER_BYTES = 8
BOUNDS = "\0changelog"
"""Key of the numbers of the first entry that there is and of the one that is open; an entry's own is behind a dash."""


class Backing(Protocol):
    """Where packed profiles live: keyed state in the job, a dict in a test or a backtest."""

    def get(self, key: str) -> bytes | None:
        """The packed profile, or None."""

    def put_all(self, entries: dict[str, bytes]) -> None:
        """Write several at once: one call costs as much as one entry."""

    def remove(self, key: str) -> None:
        """Forget what is there."""


class Change(msgspec.Struct, array_like=True, frozen=True):
    """What a profile took since it was last told.

    Attributes:
        payments: as it notes them, oldest first.
        beside: all that it remembers beside payments, packed; None if none of that changed.
    """

    payments: bytes
    beside: tuple[bytes, ...] | None


_encoder = msgspec.msgpack.Encoder()
_bounds = msgspec.msgpack.Decoder(tuple[int, int])
_entry = msgspec.msgpack.Decoder(dict[str, Change])


class Changelog:
    """The changelog of one shard.

    Attributes:
        open: number of the entry that will hold what happens now.
    """

    def __init__(self, first: int = 0, number: int = 0) -> None:
        self._first = first
        self.open = number

    @classmethod
    def of(cls, backing: Backing) -> Changelog:
        """The one that the state holds, or a new one."""
        packed = backing.get(BOUNDS)
        return cls() if packed is None else cls(*_bounds.decode(packed))

    def read(self, backing: Backing) -> dict[str, list[tuple[int, Change]]]:
        """Changes by entity, oldest first, with the numbers of their entries; entities in the order of their first."""
        changes: defaultdict[str, list[tuple[int, Change]]] = defaultdict(list)
        for number in range(self._first, self.open):
            packed = backing.get(_key(number))
            if packed is not None:
                for entity_id, change in _entry.decode(packed).items():
                    changes[entity_id].append((number, change))
        return dict(changes)

    def close(self, changes: Mapping[str, Change]) -> dict[str, bytes]:
        """End the entry that is open; what is to be written for it."""
        number, self.open = self.open, self.open + 1
        bounds = {BOUNDS: _encoder.encode((self._first, self.open))}
        return bounds | {_key(number): _encoder.encode(changes)} if changes else bounds

    def let_go(self, needed: int) -> Iterator[str]:
        """Keys of the entries that are to be removed where none before a number is needed any more."""
        while self._first < needed:
            yield _key(self._first)
            self._first += 1

    def seal(self, packed: bytes) -> bytes:
        """A profile that is written whole now."""
        return MARK + self.open.to_bytes(NUMBER_BYTES) + packed


def open_whole(stored: bytes) -> tuple[int, bytes]:
    """Number of the first entry that says more of a whole profile, and the packed profile."""
    if not stored.startswith(MARK):
        return 0, stored
    start = len(MARK) + NUMBER_BYTES
    return int.from_bytes(stored[len(MARK) : start]), stored[start:]


def _key(number: int) -> str:
    return f"{BOUNDS}-{number}"
