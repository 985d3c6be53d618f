"""Profiles by entity id: decoded ones at hand, packed ones in the state backend behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

P = TypeVar("P")


class Backing(Protocol):
    """Where packed profiles live: keyed state in the job, a dict in a test or a backtest."""

    def get(self, key: str) -> bytes | None:
        """The packed profile, or None."""

    def put_all(self, entries: dict[str, bytes]) -> None:
        """Write several at once: one call costs as much as one entry."""


class ProfileStore(Generic[P]):
    """Reads through a cache of decoded profiles and writes every change through before a batch ends.

    The cache holds nothing that the backing does not: what a failure takes with it is restored with the backing. It
    keeps the profiles used lately, in two generations: one that was used since the younger generation began is kept
    when that becomes the older one. This costs a lookup nothing, where a list in order of use costs a move.

    Args:
        empty: makes the profile of an entity never seen.
        unpack: reads what ``pack_all`` wrote.
        pack_all: each of some profiles as bytes.
        capacity: how many decoded profiles are kept, at most.
    """

    __slots__ = ("_capacity", "_empty", "_old", "_pack_all", "_touched", "_unpack", "_young")

    def __init__(
        self,
        empty: Callable[[], P],
        unpack: Callable[[bytes], P],
        pack_all: Callable[[Sequence[P]], Sequence[bytes]],
        capacity: int,
    ) -> None:
        self._empty = empty
        self._unpack = unpack
        self._pack_all = pack_all
        self._capacity = max(1, capacity // 2)
        self._young: dict[str, P] = {}
        self._old: dict[str, P] = {}
        self._touched: dict[str, P] = {}

    def open(self, entity_id: str, backing: Backing) -> P:
        """The profile of an entity, to be read and changed; it is written by the next ``flush``."""
        profile = self._touched.get(entity_id)
        if profile is None:
            profile = self._young.get(entity_id)
            if profile is None:
                profile = self._fetch(entity_id, backing)
            self._touched[entity_id] = profile
        return profile

    def _fetch(self, entity_id: str, backing: Backing) -> P:
        profile = self._old.get(entity_id)
        if profile is None:
            profile = self._read(entity_id, backing)
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[entity_id] = profile
        return profile

    def _read(self, entity_id: str, backing: Backing) -> P:
        packed = backing.get(entity_id)
        return self._empty() if packed is None else self._unpack(packed)

    def flush(self, backing: Backing, beside: Mapping[str, bytes]) -> None:
        """Write every profile opened since the last time, and what else the stage keeps, in one call.

        Args:
            backing: of the current key.
            beside: further entries, under keys that are no entity id.
        """
        entries = self._entries(self._touched)
        self._touched.clear()
        entries.update(beside)
        backing.put_all(entries)

    def _entries(self, profiles: Mapping[str, P]) -> dict[str, bytes]:
        return dict(zip(profiles, self._pack_all(list(profiles.values())), strict=True))
