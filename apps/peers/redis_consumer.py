"""Kafka consumer with its state in Redis, a common hand-written design: one event at a time, or in batches.

All profiles are in one Redis, so nothing is repartitioned. With several processes, a user's profile is changed by one
of them only, since they divide the partitions. Profiles of devices and merchants are read and written by all processes
without a lock, so updates are occasionally lost; a lock or an optimistic transaction would cost another round trip.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
import redis

from apps.peers import kafka
from apps.peers.options import PeerOptions, read_options
from apps.peers.peer import Guarantees, Peer, Runtime
from apps.peers.work import NO_CACHE, SHIPPED_MODEL, Decide, stages
from udfs.pipeline import MemoryState, PipelineStates
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.envelope import decode_envelope

BATCH = 500
MAX_WAIT_S = 0.02

_PROMISES = Guarantees(
    state="Redis, saved every second; ahead of the offsets after a crash",
    alerts="at least once",
    late="corrected",
    live="no",
    rescale="start more; shared profiles then lose updates",
)


def _peer(name: str, title: str, batch: int, processes: int) -> Peer:
    return Peer(
        name=name,
        title=title,
        module=__name__,
        runtime=Runtime.PROCESSES,
        guarantees=_PROMISES,
        processes=processes,
        batch=batch,
        uses_redis=True,
    )


PEERS = (
    _peer("redis", "consumer with Redis, once per event", 1, 1),
    _peer("redis-batched", "consumer with Redis, MGET and MSET", BATCH, 1),
    _peer("redis-batched-2", "consumer with Redis, MGET and MSET, two processes", BATCH, 2),
)


class RedisState(MemoryState):
    """Profiles of one kind: a GET for each that was not prefetched, and an MSET for each write of a stage.

    Args:
        client: Redis client.
        prefix: prefix of the keys of profiles.
        process_prefix: prefix of the keys of a process's other state: clocks and pending matches.

    Attributes:
        fetched: prefetched profiles by entity id.
        buffers: whether writes are collected in ``written``.
        written: collected writes by Redis key.
    """

    def __init__(self, client: redis.Redis, prefix: str, process_prefix: str) -> None:
        super().__init__()
        self._client = client
        self._prefix, self._process_prefix = prefix, process_prefix
        self.fetched: dict[str, bytes | None] = {}
        self.buffers = False
        self.written: dict[str, bytes] = {}

    def key(self, entity_id: str) -> str:
        """Return the Redis key of an entity."""
        return (self._process_prefix if entity_id[0] == "\0" else self._prefix) + entity_id

    def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """Return a profile, or ``default``."""
        if key in self.fetched:
            return self.fetched[key]
        found: bytes | None = self._client.get(self.key(key))  # type: ignore[assignment]
        return default if found is None else found

    def remove(self, key: str) -> None:
        """Delete a profile."""
        self._client.delete(self.key(key))

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write profiles, or collect them until the end of the batch."""
        by_key = {self.key(name): packed for name, packed in entries.items()}
        if self.buffers:
            self.written.update(by_key)
        else:
            self._client.mset(by_key)


class _Device(msgspec.Struct):
    id: str | None = None


class _Names(msgspec.Struct):
    """Entities of a record."""

    user_id: str | None = None
    merchant_id: str | None = None
    device: _Device | None = None
    device_id: str | None = None


_names = msgspec.json.Decoder(_Names)


class RedisDecider:
    """Decides batches of records in one process, without Kafka.

    Args:
        client: Redis client.
        prefix: prefix of all keys.
        batched: whether profiles are read and written once for each batch, with MGET and MSET.
        model: folder of the model.
        process: number of this process.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, *, batched: bool, model: str = SHIPPED_MODEL, process: int = 0
    ) -> None:
        self._client = client
        self._batched = batched
        self._states = [RedisState(client, f"{prefix}:{kind}:", f"{prefix}:{kind}:{process}") for kind in "udm"]
        for state in self._states:
            state.buffers = batched
        # No cache: another process may change a profile.
        self._stages = stages(model, NO_CACHE, PipelineStates(*self._states))

    def decide(self, records: Sequence[bytes]) -> DecisionBatch:
        """Decide a batch of encoded envelopes."""
        if self._batched:
            self._fetch(records)
        _, output = self._stages.process(records, time.time_ns() // 1_000_000)
        self._stages.write_profiles()
        if self._batched:
            self._write()
        return output.decisions

    def _fetch(self, records: Iterable[bytes]) -> None:
        wanted: list[set[str]] = [set(), set(), set()]
        for record in records:
            for entities, name in zip(wanted, _entities(record), strict=True):
                if name:
                    entities.add(name)
        keys = [(state, name) for state, names in zip(self._states, wanted, strict=True) for name in names]
        for state in self._states:
            state.fetched = {}
        if keys:
            found: list[bytes | None] = self._client.mget([state.key(name) for state, name in keys])  # type: ignore[assignment]
            for (state, name), packed in zip(keys, found, strict=True):
                state.fetched[name] = packed

    def _write(self) -> None:
        written = {key: packed for state in self._states for key, packed in state.written.items()}
        if written:
            self._client.mset(written)
        for state in self._states:
            state.written = {}


def _entities(record: bytes) -> tuple[str | None, str | None, str | None]:
    """User, device and merchant of a record; None for a record that cannot be decoded, which the user stage refuses."""
    try:
        names = _names.decode(decode_envelope(record).value or b"{}")
    except msgspec.MsgspecError:
        return None, None, None
    device = names.device_id if names.device is None else names.device.id
    return names.user_id, device, names.merchant_id


def in_memory(client: redis.Redis, prefix: str, *, batched: bool) -> Decide:
    """Decide batches in this process, without Kafka and with a real Redis."""
    decider = RedisDecider(client, prefix, batched=batched)
    return lambda records, _: decider.decide(records).decisions


def run(options: PeerOptions) -> None:
    """Run until the process is stopped."""
    client = redis.Redis.from_url(options.redis_url)
    batched = options.batch > 1
    decider = RedisDecider(client, options.group, batched=batched, model=options.model, process=options.process)
    kafka.run(options, MAX_WAIT_S if batched else 1.0, decider.decide)


if __name__ == "__main__":
    run(read_options())
