"""Profiles by entity id: decoded ones at hand, packed ones in the state backend behind.

What a batch changes is changed in decoded profiles alone. Before a checkpoint a shard writes what its state lacks, to a
changelog or as whole profiles; so the state of a checkpoint lacks nothing, and a failure takes nothing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

from state.changelog import Backing, Change, Changelog, open_whole
from state.versions.journal import is_journaled, read_journaled

PAYMENTS_A_WRITING = 8
"""One profile is written whole for so many payments. More make changelogs longer, and so restarts."""
WRITTEN_AT_ONCE = 16
"""Profiles: a call costs as much as three of them."""
LONGEST_ENTRY = 16_384
"""Payments in an entry of the changelog: some megabytes, where checkpoints are far between."""
OLDEST_ENTRY = 128
"""Checkpoints until a profile is written whole, however little happens: some minutes."""


class Logged(Protocol):
    """A profile, as far as a store needs to know it.

    Attributes:
        news: the payments since it was last told, for a changelog; None where there is none.
    """

    news: bytearray | None

    def take_again(self, change: Change) -> None:
        """Take what a changelog says."""


P = TypeVar("P", bound=Logged)


class Recent(Generic[P]):
    """The profiles used lately, in two generations: one used since the younger began outlives the older.

    This costs a lookup nothing, where a list in order of use costs a move.

    Args:
        capacity: how many are kept, at most.
    """

    __slots__ = ("_capacity", "_old", "_young")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity // 2
        self._young: dict[str, P] = {}
        self._old: dict[str, P] = {}

    def get(self, entity_id: str) -> P | None:
        """The profile, if it is kept."""
        return self._young.get(entity_id) or self._old.get(entity_id)

    def keep(self, entity_id: str, profile: P) -> None:
        """Keep one that was used now."""
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        if self._capacity:
            self._young[entity_id] = profile


class ProfileStore(Generic[P]):
    """The profiles of all the shards of a stage instance.

    Args:
        empty: makes the profile of an entity never seen.
        unpack: reads what ``pack_all`` wrote.
        pack_all: each of some profiles as bytes.
        capacity: how many decoded profiles are kept, at most: half of them may hold what the state lacks.
        changes: what each of some profiles took since it was last told; None: there is no changelog, and every profile
            is written whole before a checkpoint.
    """

    def __init__(
        self,
        empty: Callable[[], P],
        unpack: Callable[[bytes], P],
        pack_all: Callable[[Sequence[P]], Sequence[bytes]],
        capacity: int,
        changes: Callable[[Sequence[P]], Sequence[Change | None]] | None = None,
    ) -> None:
        self.empty = empty
        self.unpack = unpack
        self.pack_all = pack_all
        self.changes = changes
        self.recent = Recent[P](capacity // 2)
        self._capacity = capacity // 2
        self._shards: dict[int, ShardProfiles[P]] = {}

    def of(self, shard: int, backing: Backing) -> ShardProfiles[P]:
        """The profiles of a shard, whose state is behind ``backing``."""
        profiles = self._shards.get(shard)
        if profiles is None:
            profiles = self._shards[shard] = ShardProfiles(self, backing)
        profiles.backing = backing
        return profiles

    @property
    def unwritten_at_most(self) -> int:
        """How many profiles of a shard may hold what the state lacks in whole."""
        return max(1, self._capacity // len(self._shards))


class ShardProfiles(Generic[P]):
    """The profiles of one shard; ``ProfileStore.of`` makes it.

    Attributes:
        backing: its state.
    """

    __slots__ = ("_changelog", "_held", "_logged", "_opened", "_payments", "_since", "_store", "_told", "backing")

    def __init__(self, store: ProfileStore[P], backing: Backing) -> None:
        self._store = store
        self.backing = backing
        self._logged = store.changes is not None
        self._changelog = Changelog.of(backing) if self._logged else Changelog()
        # What the changelog told before the start of profiles that were not read since.
        self._told = self._changelog.read(backing)
        # Of each profile that is not written whole: the first entry with a change of it, the oldest first; those of
        # them that are decoded; and those that were opened since the last checkpoint.
        self._since: dict[str, int] = {entity_id: changes[0][0] for entity_id, changes in self._told.items()}
        self._held: dict[str, P] = {}
        self._opened: dict[str, P] = {}
        # Taken since one was last written whole, and since an entry was last closed.
        self._payments = [0, 0]

    def open(self, entity_id: str) -> P:
        """The profile of an entity, to be read and changed."""
        profile = self._opened.get(entity_id)
        if profile is None:
            profile = self._held.get(entity_id) or self._hold(entity_id)
            self._opened[entity_id] = profile
        return profile

    def _hold(self, entity_id: str) -> P:
        profile = self._store.recent.get(entity_id) or self._read(entity_id)
        if self._logged and profile.news is None:
            profile.news = bytearray()
        self._held[entity_id] = profile
        self._since.setdefault(entity_id, self._changelog.open)
        return profile

    def _read(self, entity_id: str) -> P:
        stored = self.backing.get(entity_id)
        first = 0
        if stored is None:
            profile = self._store.empty()
        elif is_journaled(stored):
            profile = read_journaled(entity_id, stored, self.backing, self._store.unpack)
        else:
            first, packed = open_whole(stored)
            profile = self._store.unpack(packed)
        for number, change in self._told.pop(entity_id, ()):
            if number >= first:
                profile.take_again(change)
        return profile

    def taken(self, payments: int) -> None:
        """After a batch of so many payments: write some profiles whole, those whose changes are oldest."""
        since_written, since_closed = self._payments[0] + payments, self._payments[1] + payments
        excess = len(self._since) - self._store.unwritten_at_most
        count = max(since_written // PAYMENTS_A_WRITING if self._logged else 0, excess)
        if count >= WRITTEN_AT_ONCE or excess > 0:
            self.backing.put_all(self._whole(list(islice(self._since, count))))
            since_written = 0
        self._payments = [since_written, since_closed]
        if self._logged and since_closed >= LONGEST_ENTRY:
            self._close({})

    def checkpoint(self, beside: Mapping[str, bytes]) -> None:
        """Write what the state lacks.

        Args:
            beside: what else the shard keeps, under keys that are no entity id.
        """
        if self._logged:
            before = self._changelog.open - OLDEST_ENTRY
            old = [entity_id for entity_id, since in self._since.items() if since <= before]
            self._close({**self._whole(old), **beside})
        else:
            self.backing.put_all({**self._whole(list(self._since)), **beside})

    def _close(self, entries: dict[str, bytes]) -> None:
        """Close an entry of the changelog, and write it with others."""
        changes = self._changed(self._opened)
        needed = next(iter(self._since.values()), self._changelog.open)
        gone = list(self._changelog.let_go(needed))
        self.backing.put_all(entries | self._changelog.close(changes))
        for key in gone:
            self.backing.remove(key)
        self._opened.clear()
        self._payments[1] = 0

    def _changed(self, opened: Mapping[str, P]) -> dict[str, Change]:
        if self._store.changes is None:
            return {}
        changes = zip(opened, self._store.changes(list(opened.values())), strict=True)
        return {entity_id: change for entity_id, change in changes if change is not None}

    def _whole(self, entity_ids: Iterable[str]) -> dict[str, bytes]:
        """The entries of profiles that are written whole; the state then lacks nothing of them."""
        profiles: dict[str, P] = {}
        for entity_id in entity_ids:
            profiles[entity_id] = self._held.pop(entity_id, None) or self._read(entity_id)
            self._opened.pop(entity_id, None)
            del self._since[entity_id]
        packed = self._store.pack_all(list(profiles.values()))
        for entity_id, profile in profiles.items():
            self._store.recent.keep(entity_id, profile)
        if not self._logged:
            return dict(zip(profiles, packed, strict=True))
        return {entity_id: self._changelog.seal(data) for entity_id, data in zip(profiles, packed, strict=True)}
