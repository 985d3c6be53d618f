"""Profiles by entity id: decoded ones at hand, packed ones in the state backend behind.

What a batch changes is changed in decoded profiles alone. Before a checkpoint a shard writes what its state lacks, to a
changelog or as whole profiles; so the state of a checkpoint lacks nothing, and a failure takes nothing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, takewhile
from typing import Generic, TypeVar

from state.store.changelog import Change, Changelog, Loggable, decode_snapshot
from state.store.keyed_state import KeyedState
from state.versions.journal import is_journaled, read_journaled

EVENTS_PER_MATERIALIZATION = 8
"""One profile is written whole for so many events. More make changelogs longer, and so restarts."""
MATERIALIZE_MIN = 16
"""Profiles at least: a call costs as much as three of them."""
MATERIALIZE_MAX = 512
"""Profiles in one call: it takes some milliseconds, and the shard stands still."""
MAX_SEGMENT_EVENTS = 512
"""Events in an entry of the changelog: what is left for a checkpoint is then little. With all of five seconds at 2,000
payments a second in one, the stages took some 50 to 110 ms of a checkpoint beside flushing and alignment. No gain
in p99 was shown: 498 ms after it, 461 to 726 before."""
MAX_LAG_SEGMENTS = 128
"""Entries until a profile is written whole: ten minutes of checkpoints where little happens, and 65,536
events of a shard under load."""

P = TypeVar("P", bound=Loggable)


class GenerationalCache(Generic[P]):
    """The profiles used lately, in two generations: one used since the younger began outlives the older.

    This costs a lookup nothing, where a list in order of use costs a move.

    Args:
        capacity: how many are kept, at most.
    """

    __slots__ = ("_a_generation", "_old", "_young")

    def __init__(self, capacity: int) -> None:
        self._a_generation = capacity // 2
        self._young: dict[str, P] = {}
        self._old: dict[str, P] = {}

    def get(self, entity_id: str) -> P | None:
        """The profile, if it is kept."""
        profile = self._young.get(entity_id)
        return self._old.get(entity_id) if profile is None else profile

    def keep(self, entity_id: str, profile: P) -> None:
        """Keep one that was used now."""
        if len(self._young) >= self._a_generation:
            self._old, self._young = self._young, {}
        if self._a_generation:
            self._young[entity_id] = profile


class ProfileStore(Generic[P]):
    """The profiles of all the shards of a stage instance.

    Args:
        empty: makes the profile of an entity never seen.
        unpack: reads what ``pack_all`` wrote.
        pack_all: each of some profiles as bytes.
        capacity: how many decoded profiles are kept, about: half for those that the state lacks something of, half for
            others that were used lately.
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
        self.recent = GenerationalCache[P](capacity // 2)
        self._unwritten_at_most = capacity // 2
        self._shards: dict[int, ShardProfiles[P]] = {}

    def shard(self, shard: int, backing: KeyedState) -> ShardProfiles[P]:
        """The profiles of a shard, whose state is behind ``backing``."""
        profiles = self._shards.get(shard)
        if profiles is None:
            profiles = self._shards[shard] = ShardProfiles(self, backing)
        profiles.backing = backing
        return profiles

    @property
    def held_at_most(self) -> int:
        """How many decoded profiles of a shard may wait for being written whole."""
        return max(1, self._unwritten_at_most // len(self._shards))


class ShardProfiles(Generic[P]):
    """The profiles of one shard; ``ProfileStore.of`` makes it.

    What holds: those opened since the last entry was closed are among those held, which are decoded and not written
    whole; those and the unread ones, which the changelog told of before the start, are the unwritten ones. Of these the
    first has the oldest entry, so the changelog is needed from there.

    Attributes:
        backing: its state.
    """

    __slots__ = (
        "_changelog",
        "_dirty",
        "_dirty_since",
        "_store",
        "_taken_since_closing",
        "_taken_since_writing",
        "_to_replay",
        "_touched_since_roll",
        "backing",
    )

    def __init__(self, store: ProfileStore[P], backing: KeyedState) -> None:
        self._store = store
        self.backing = backing
        self._changelog = Changelog() if store.changes is None else Changelog.of(backing)
        self._to_replay = self._changelog.read(backing)
        # The number of the first entry with a change of each.
        self._dirty_since: dict[str, int] = {entity_id: changes[0][0] for entity_id, changes in self._to_replay.items()}
        self._dirty: dict[str, P] = {}
        self._touched_since_roll: dict[str, P] = {}
        self._taken_since_writing = 0
        self._taken_since_closing = 0

    def get(self, entity_id: str) -> P:
        """The profile of an entity, to be read and changed."""
        profile = self._touched_since_roll.get(entity_id)
        if profile is None:
            profile = self._dirty.get(entity_id)
            if profile is None:
                profile = self._make_dirty(entity_id)
            self._touched_since_roll[entity_id] = profile
        return profile

    def after_batch(self, events: int) -> None:
        """After a batch of so many events: write some profiles whole, those whose changes are oldest."""
        self._taken_since_writing += events
        self._taken_since_closing += events
        is_logged = self._store.changes is not None
        due = self._taken_since_writing // EVENTS_PER_MATERIALIZATION if is_logged else 0
        excess = len(self._dirty) - self._store.held_at_most
        if due >= MATERIALIZE_MIN or excess > 0:
            oldest = islice(self._dirty_since, min(max(due, excess), MATERIALIZE_MAX))
            self.backing.put_many(self._materialize(list(oldest)))
            self._taken_since_writing = 0
        if is_logged and self._taken_since_closing >= MAX_SEGMENT_EVENTS:
            self._roll({})

    def checkpoint(self, beside: Mapping[str, bytes]) -> None:
        """Write what the state lacks.

        Args:
            beside: what else the shard keeps, under keys that are no entity id.
        """
        if self._store.changes is None:
            entries = {**self._materialize(list(self._dirty_since)), **beside}
            if entries:
                self.backing.put_many(entries)
        else:
            self._roll({**self._materialize(self._aged()), **beside})

    def _aged(self) -> list[str]:
        before = self._changelog.current - MAX_LAG_SEGMENTS
        aged = takewhile(lambda entity_id: self._dirty_since[entity_id] <= before, self._dirty_since)
        return list(islice(aged, MATERIALIZE_MAX))

    def _roll(self, entries: dict[str, bytes]) -> None:
        """Close an entry of the changelog, and write it with others."""
        needed = next(iter(self._dirty_since.values()), self._changelog.current + 1)
        written, gone = self._changelog.roll(self._changed(), needed)
        self.backing.put_many(entries | written)
        for key in gone:
            self.backing.remove(key)
        self._touched_since_roll.clear()
        self._taken_since_closing = 0

    def _changed(self) -> dict[str, Change]:
        assert self._store.changes is not None
        changes = zip(
            self._touched_since_roll, self._store.changes(list(self._touched_since_roll.values())), strict=True
        )
        return {entity_id: change for entity_id, change in changes if change is not None}

    def _materialize(self, entity_ids: Iterable[str]) -> dict[str, bytes]:
        """The entries of profiles that are written whole; the state then lacks nothing of them."""
        profiles: dict[str, P] = {}
        for entity_id in entity_ids:
            profile = self._dirty.pop(entity_id, None)
            profiles[entity_id] = self._load(entity_id) if profile is None else profile
            self._touched_since_roll.pop(entity_id, None)
            del self._dirty_since[entity_id]
        packed = self._store.pack_all(list(profiles.values()))
        for entity_id, profile in profiles.items():
            self._store.recent.keep(entity_id, profile)
        seal = bytes if self._store.changes is None else self._changelog.encode_snapshot
        return {entity_id: seal(data) for entity_id, data in zip(profiles, packed, strict=True)}

    def _make_dirty(self, entity_id: str) -> P:
        profile = self._store.recent.get(entity_id)
        if profile is None:
            profile = self._load(entity_id)
        if self._store.changes is not None and profile.log_buffer is None:
            profile.log_buffer = bytearray()
        self._dirty[entity_id] = profile
        self._dirty_since.setdefault(entity_id, self._changelog.current)
        return profile

    def _load(self, entity_id: str) -> P:
        stored = self.backing.get(entity_id)
        first = 0
        if stored is None:
            profile = self._store.empty()
        elif is_journaled(stored):
            profile = read_journaled(entity_id, stored, self.backing, self._store.unpack)
        else:
            first, packed = decode_snapshot(stored)
            profile = self._store.unpack(packed)
        for number, change in self._to_replay.pop(entity_id, ()):
            if number >= first:
                profile.replay(change)
        return profile
