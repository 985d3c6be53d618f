"""The lists of one kind of entity, of all shards of a stage instance."""

from __future__ import annotations

import zlib

from state.store.keyed_state import KeyedState
from udfs.lists.membership import NO_LISTS, Membership, membership
from udfs.lists.record import ListEntry
from udfs.lists.shard_lists import ShardLists
from udfs.names import ListedEntity


class StageLists:
    """Lists of the users, devices or merchants of a stage instance.

    Args:
        entity: kind of the entities.
        shards: number of shards of the stage.
    """

    def __init__(self, entity: ListedEntity, shards: int) -> None:
        self._entity = entity
        self._count = shards
        self._shards: dict[int, ShardLists] = {}
        self._is_empty = True

    def attach(self, number: int, state: KeyedState) -> None:
        """Load the lists of a shard.

        Args:
            number: of the shard.
            state: keyed state of the shard, in which the entries must not expire.
        """
        self._shards[number] = shard = ShardLists(state)
        self._is_empty = self._is_empty and not len(shard)

    def apply(self, entry: ListEntry) -> None:
        """Apply a record to its entity."""
        fingerprint = zlib.crc32(entry.id.encode())
        self._shards[fingerprint % self._count].apply(entry, fingerprint)
        self._is_empty = False

    def of(self, entity_id: str, event_time: int) -> Membership:
        """The lists on which an entity is at an event time, epoch milliseconds."""
        if self._is_empty:
            return NO_LISTS
        fingerprint = zlib.crc32(entity_id.encode())
        listed = self._shards[fingerprint % self._count].lookup(entity_id, fingerprint)
        return membership(((self._entity, listed),), event_time) if listed else NO_LISTS

    def checkpoint(self, number: int, before: int) -> None:
        """Write what the state of a shard lacks; entries that end at or before an event time may be forgotten."""
        if not self._is_empty:
            self._shards[number].checkpoint(before)
