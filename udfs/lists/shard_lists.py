"""Entries of the entities of one shard: buckets in keyed state, and fingerprints in memory that say whether to look.

An entity that is on no list costs one look at a bitmap. A bucket holds the entities of one fingerprint, nearly always
one. Batches change buckets in memory; a checkpoint writes them.
"""

from __future__ import annotations

import msgspec

from state.store.keyed_state import KeyedState
from udfs.lists.fingerprints import Fingerprints
from udfs.lists.intervals import Intervals, Listed, update_listed, without_expired
from udfs.lists.record import ListEntry
from udfs.names import ShardEntry

Bucket = dict[str, dict[str, Intervals]]
"""Intervals by name of the list, by id of the entity."""

MAX_CHANGED = 256
"""Changed buckets that are written before a checkpoint, so that a long import does not gather in memory."""
MAX_CLEAN = 256
"""Buckets kept in memory for entities that pay often."""
SWEPT = 8
"""Buckets looked at in each checkpoint for entries that have expired."""

_PREFIX = ShardEntry.LISTS.value
_FINGERPRINTS = _PREFIX
_NOTHING: Listed = {}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Bucket)


class ShardLists:
    """Lists of the entities of one shard.

    Args:
        state: keyed state of the shard, in which the entries must not expire.
    """

    __slots__ = ("_changed", "_clean", "_fingerprints", "_is_changed", "_state", "_swept")

    def __init__(self, state: KeyedState) -> None:
        self._state = state
        self._fingerprints = Fingerprints(state.get(_FINGERPRINTS) or b"")
        self._is_changed = False
        self._changed: dict[int, Bucket] = {}
        self._clean: dict[int, Bucket] = {}
        self._swept = 0

    def __len__(self) -> int:
        return len(self._fingerprints)

    def lookup(self, entity_id: str, fingerprint: int) -> Listed:
        """The lists of an entity.

        Args:
            entity_id: of the shard.
            fingerprint: CRC-32 of the id.
        """
        if fingerprint not in self._fingerprints:
            return _NOTHING
        return self._bucket(fingerprint).get(entity_id, _NOTHING)

    def apply(self, entry: ListEntry, fingerprint: int) -> None:
        """Apply a record to its entity."""
        known = fingerprint in self._fingerprints
        bucket = dict(self._bucket(fingerprint)) if known else {}
        listed = update_listed(bucket.get(entry.id, _NOTHING), entry)
        if listed:
            bucket[entry.id] = listed
        else:
            bucket.pop(entry.id, None)
        if bucket or known:
            self._change(fingerprint, bucket)
        if len(self._changed) >= MAX_CHANGED:
            self._write()

    def checkpoint(self, before: int) -> None:
        """Write everything that the state lacks.

        Args:
            before: entries that end at or before this event time are forgotten, a few at each checkpoint; epoch ms.
        """
        if len(self._fingerprints):
            self._sweep(before)
        self._write()
        if self._is_changed:
            self._state.put_many({_FINGERPRINTS: self._fingerprints.pack()})
            self._is_changed = False

    def _sweep(self, before: int) -> None:
        some = self._fingerprints.some(self._swept, SWEPT)
        self._swept = self._swept + SWEPT if len(some) == SWEPT else 0
        for fingerprint in some:
            bucket = self._bucket(fingerprint)
            left = {entity_id: without_expired(listed, before) for entity_id, listed in bucket.items()}
            left = {entity_id: listed for entity_id, listed in left.items() if listed}
            if left != bucket:
                self._change(fingerprint, left)

    def _change(self, fingerprint: int, bucket: Bucket) -> None:
        self._clean.pop(fingerprint, None)
        self._changed[fingerprint] = bucket
        if bool(bucket) is not (fingerprint in self._fingerprints):
            self._is_changed = True
            if bucket:
                self._fingerprints.add(fingerprint)
            else:
                self._fingerprints.discard(fingerprint)

    def _bucket(self, fingerprint: int) -> Bucket:
        bucket = self._changed.get(fingerprint)
        if bucket is None:
            bucket = self._clean.get(fingerprint)
        if bucket is None:
            packed = self._state.get(_key(fingerprint))
            bucket = {} if packed is None else _decoder.decode(packed)
            self._remember(fingerprint, bucket)
        return bucket

    def _remember(self, fingerprint: int, bucket: Bucket) -> None:
        if len(self._clean) >= MAX_CLEAN:
            del self._clean[next(iter(self._clean))]
        self._clean[fingerprint] = bucket

    def _write(self) -> None:
        full = {_key(number): _encoder.encode(bucket) for number, bucket in self._changed.items() if bucket}
        if full:
            self._state.put_many(full)
        for number, bucket in self._changed.items():
            if bucket:
                self._remember(number, bucket)
            else:
                self._state.remove(_key(number))
        self._changed.clear()


def _key(fingerprint: int) -> str:
    return f"{_PREFIX}{fingerprint:08x}"
