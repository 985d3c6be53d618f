"""Profiles by entity id: decoded ones in memory, packed ones in keyed state (write-behind).

A batch changes decoded profiles only. A checkpoint writes everything that keyed state lacks, as a segment of the
changelog or as whole profiles, so a checkpoint is complete and a failure loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Generic, TypeVar

from state.store.changelog import Change, Changelog, ChangeUpgrade, Loggable, decode_snapshot
from state.store.keyed_state import KeyedState

EVENTS_PER_MATERIALIZATION = 8
"""Number of events per materialized profile. A higher number makes changelogs longer, and so restarts."""
MATERIALIZE_MIN = 16
"""Fewest profiles per call: a call costs as much as three of them."""
MATERIALIZE_MAX = 512
"""Most profiles per call: the shard processes nothing for the milliseconds of a call."""
MAX_SEGMENT_EVENTS = 512
"""Number of events after which a segment is rolled, so that little is left to do when a checkpoint begins."""
MAX_LAG_SEGMENTS = 128
"""Age in segments at which the oldest logged change of a profile forces its materialization. This bounds the changelog:
ten minutes of checkpoints at low traffic, 65,536 events of a shard under load."""

P = TypeVar("P", bound=Loggable)


class GenerationalCache(Generic[P]):
    """Recently used profiles in two generations: when the young one is full, it replaces the old one.

    A hit costs one lookup, where an LRU list costs a move as well.

    Args:
        capacity: maximum number of profiles.
    """

    __slots__ = ("_generation_size", "_old", "_young")

    def __init__(self, capacity: int) -> None:
        self._generation_size = capacity // 2
        self._young: dict[str, P] = {}
        self._old: dict[str, P] = {}

    def get(self, entity_id: str) -> P | None:
        """Return a cached profile, or None."""
        profile = self._young.get(entity_id)
        return self._old.get(entity_id) if profile is None else profile

    def put(self, entity_id: str, profile: P) -> None:
        """Add a profile to the young generation."""
        if len(self._young) >= self._generation_size:
            self._old, self._young = self._young, {}
        if self._generation_size:
            self._young[entity_id] = profile


class ProfileStore(Generic[P]):
    """Profiles of all shards of a stage instance: the codec, the shared cache, and the memory limit.

    Args:
        create: makes the empty profile of a new entity.
        unpack: reads a profile packed by ``pack_all``.
        pack_all: packs profiles, in order, and clears their log buffers.
        capacity: approximate number of decoded profiles in memory: one half for dirty profiles, one half for the cache
            of clean ones.
        drain_changes: returns the changes of profiles since the last call or snapshot, in order, None for an unchanged
            one. Without it there is no changelog, and a checkpoint materializes every changed profile.
        change_upgrades: by version of a changelog segment, the step to the next one for this kind of profile.
    """

    def __init__(
        self,
        create: Callable[[], P],
        unpack: Callable[[bytes], P],
        pack_all: Callable[[Sequence[P]], Sequence[bytes]],
        capacity: int,
        drain_changes: Callable[[Sequence[P]], Sequence[Change | None]] | None = None,
        change_upgrades: Mapping[int, ChangeUpgrade] = MappingProxyType({}),
    ) -> None:
        self.create = create
        self.unpack = unpack
        self.pack_all = pack_all
        self.drain_changes = drain_changes
        self.change_upgrades = change_upgrades
        self.cache = GenerationalCache[P](capacity // 2)
        self._max_dirty = capacity // 2
        self._shards: set[int] = set()

    def shard(self, number: int, state: KeyedState) -> ShardProfiles[P]:
        """Make the profiles of a shard, bound to its keyed state; once per shard.

        Args:
            number: number of the shard.
            state: keyed state of the shard, used as long as the profiles are.

        Raises:
            ValueError: if the shard exists: the changes that its profiles hold would be lost.
        """
        if number in self._shards:
            raise ValueError(
                f"the profiles of shard {number} exist already: a second copy would not have their changes"
            )
        self._shards.add(number)
        return ShardProfiles(self, state)

    @property
    def max_dirty_per_shard(self) -> int:
        """Number of dirty profiles that a shard may hold after a batch."""
        return max(1, self._max_dirty // len(self._shards))


class ShardProfiles(Generic[P]):
    """Profiles of one shard; made by ``ProfileStore.shard``.

    Invariants: touched is a subset of dirty; dirty and to-replay together are dirty-since, which is in order of the
    oldest change. Segments older than its first value can be truncated.
    """

    __slots__ = (
        "_changelog",
        "_dirty",
        "_dirty_since",
        "_events_since_materialization",
        "_events_since_roll",
        "_state",
        "_store",
        "_to_replay",
        "_touched_since_roll",
    )

    def __init__(self, store: ProfileStore[P], state: KeyedState) -> None:
        self._store = store
        self._state = state
        self._changelog = Changelog() if store.drain_changes is None else Changelog.of(state)
        self._to_replay = self._changelog.read(state, store.change_upgrades)
        # Number of the segment with the oldest change that keyed state has no snapshot of.
        self._dirty_since: dict[str, int] = {entity_id: changes[0][0] for entity_id, changes in self._to_replay.items()}
        self._dirty: dict[str, P] = {}
        self._touched_since_roll: dict[str, P] = {}
        self._events_since_materialization = 0
        self._events_since_roll = 0

    def get(self, entity_id: str) -> P:
        """Return the profile of an entity, to be read and changed within the current batch."""
        profile = self._touched_since_roll.get(entity_id)
        if profile is None:
            profile = self._dirty.get(entity_id)
            if profile is None:
                profile = self._make_dirty(entity_id)
            self._touched_since_roll[entity_id] = profile
        return profile

    def after_batch(self, events: int) -> None:
        """Materialize the profiles with the oldest changes, as many as the batch and the memory limit require.

        Args:
            events: number of events in the batch.
        """
        self._events_since_materialization += events
        self._events_since_roll += events
        is_logged = self._store.drain_changes is not None
        due = self._events_since_materialization // EVENTS_PER_MATERIALIZATION if is_logged else 0
        excess = len(self._dirty) - self._store.max_dirty_per_shard
        if due >= MATERIALIZE_MIN or excess > 0:
            oldest = islice(self._dirty_since, min(max(due, excess), MATERIALIZE_MAX))
            self._state.put_many(self._materialize(list(oldest)))
            self._events_since_materialization = 0
        if is_logged and self._events_since_roll >= MAX_SEGMENT_EVENTS:
            self._roll({})

    def checkpoint(self, aux_entries: Mapping[str, bytes]) -> None:
        """Write everything that keyed state lacks.

        Args:
            aux_entries: other entries of the shard to write in the same call; their keys are no entity ids.
        """
        if self._store.drain_changes is None:
            entries = {**self._materialize(list(self._dirty_since)), **aux_entries}
            if entries:
                self._state.put_many(entries)
        else:
            self._roll({**self._materialize(self._lagging()), **aux_entries})

    def _lagging(self) -> list[str]:
        newest = self._changelog.current - MAX_LAG_SEGMENTS
        lagging = takewhile(lambda entity_id: self._dirty_since[entity_id] <= newest, self._dirty_since)
        return list(islice(lagging, MATERIALIZE_MAX))

    def _roll(self, entries: dict[str, bytes]) -> None:
        """Write the current segment together with other entries, and truncate the changelog."""
        truncate_before = next(iter(self._dirty_since.values()), self._changelog.current + 1)
        segment, truncated = self._changelog.roll(self._drain_touched(), truncate_before)
        self._state.put_many(entries | segment)
        for key in truncated:
            self._state.remove(key)
        self._touched_since_roll.clear()
        self._events_since_roll = 0

    def _drain_touched(self) -> dict[str, Change]:
        assert self._store.drain_changes is not None
        touched = self._touched_since_roll
        changes = zip(touched, self._store.drain_changes(list(touched.values())), strict=True)
        return {entity_id: change for entity_id, change in changes if change is not None}

    def _materialize(self, entity_ids: Iterable[str]) -> dict[str, bytes]:
        """Pack dirty profiles whole and move them to the cache of clean ones; return the entries to write."""
        profiles: dict[str, P] = {}
        for entity_id in entity_ids:
            profile = self._dirty.pop(entity_id, None)
            profiles[entity_id] = self._load(entity_id) if profile is None else profile
            self._touched_since_roll.pop(entity_id, None)
            del self._dirty_since[entity_id]
        packed = self._store.pack_all(list(profiles.values()))
        for entity_id, profile in profiles.items():
            self._store.cache.put(entity_id, profile)
        encode = bytes if self._store.drain_changes is None else self._changelog.encode_snapshot
        return {entity_id: encode(data) for entity_id, data in zip(profiles, packed, strict=True)}

    def _make_dirty(self, entity_id: str) -> P:
        profile = self._store.cache.get(entity_id)
        if profile is None:
            profile = self._load(entity_id)
        if self._store.drain_changes is not None and profile.log_buffer is None:
            profile.log_buffer = bytearray()
        self._dirty[entity_id] = profile
        self._dirty_since.setdefault(entity_id, self._changelog.current)
        return profile

    def _load(self, entity_id: str) -> P:
        """Restore a profile from its snapshot and the logged changes after it."""
        stored = self._state.get(entity_id)
        first = 0
        if stored is None:
            profile = self._store.create()
        else:
            first, packed = decode_snapshot(stored)
            profile = self._store.unpack(packed)
        for number, change in self._to_replay.pop(entity_id, ()):
            if number >= first:
                profile.replay(change)
        return profile
