"""A hand-written Kafka consumer with its state in Redis, as most teams have one: once per event, once in batches.

Users, devices and merchants all have their profiles in the one Redis, so nothing has to be repartitioned. With several
processes a user's profile is changed by one of them, as the partitions are divided. A device's or a merchant's is read,
changed and written by all of them, without a lock: now and then one overwrites what another has just written. That is
what teams live with; a lock, or a transaction that is tried again, would cost each of them a round trip more.
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
from udfs.pipeline import MemoryState
from udfs.stages.decision_engine import DecisionBatch
from udfs.stages.envelope import decode_envelope

BATCH = 500
GATHER_S = 0.02

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
    """Profiles of one kind: one GET for each that was not fetched beforehand, and one MSET for what a stage writes.

    Args:
        client: of the Redis.
        prefix: begins every key.
        own: begins those of what a process keeps beside the profiles: clocks, and matches that wait.
    """

    def __init__(self, client: redis.Redis, prefix: str, own: str) -> None:
        super().__init__()
        self._client = client
        self._prefix, self._own = prefix, own
        self.fetched: dict[str, bytes | None] = {}
        self.gathers = False
        self.written: dict[str, bytes] = {}

    def key(self, entity_id: str) -> str:
        """Where it is in Redis."""
        return (self._own if entity_id[0] == "\0" else self._prefix) + entity_id

    def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """A profile, or None."""
        if key in self.fetched:
            return self.fetched[key]
        found: bytes | None = self._client.get(self.key(key))  # type: ignore[assignment]
        return default if found is None else found

    def remove(self, key: str) -> None:
        """Forget a profile."""
        self._client.delete(self.key(key))

    def put_many(self, entries: dict[str, bytes]) -> None:
        """Write, or keep until the whole batch is done."""
        named = {self.key(name): packed for name, packed in entries.items()}
        if self.gathers:
            self.written.update(named)
        else:
            self._client.mset(named)


class _Device(msgspec.Struct):
    id: str | None = None


class _Names(msgspec.Struct):
    """Whose profiles a record is about."""

    user_id: str | None = None
    merchant_id: str | None = None
    device: _Device | None = None
    device_id: str | None = None


_names = msgspec.json.Decoder(_Names)


class RedisDecider:
    """One process of the consumer, without Kafka.

    Args:
        client: of the Redis.
        prefix: begins every key.
        batched: whether profiles are fetched and written for a whole batch, with MGET and MSET.
        model: folder of the model.
        process: which of several.
    """

    def __init__(
        self, client: redis.Redis, prefix: str, *, batched: bool, model: str = SHIPPED_MODEL, process: int = 0
    ) -> None:
        self._client = client
        self._batched = batched
        # Another process may have changed a profile since: what was decoded is not kept.
        self._stages = stages(model, NO_CACHE)
        self._states = [RedisState(client, f"{prefix}:{kind}:", f"{prefix}:{kind}:{process}") for kind in "udm"]
        for state in self._states:
            state.gathers = batched
        self._stages.user_state, self._stages.device_state, self._stages.merchant_state = self._states

    def decide(self, records: Sequence[bytes]) -> DecisionBatch:
        """A batch of sealed envelopes."""
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
        places = [(state, name) for state, names in zip(self._states, wanted, strict=True) for name in names]
        for state in self._states:
            state.fetched = {}
        if places:
            found: list[bytes | None] = self._client.mget([state.key(name) for state, name in places])  # type: ignore[assignment]
            for (state, name), packed in zip(places, found, strict=True):
                state.fetched[name] = packed

    def _write(self) -> None:
        everything = {key: packed for state in self._states for key, packed in state.written.items()}
        if everything:
            self._client.mset(everything)
        for state in self._states:
            state.written = {}


def _entities(record: bytes) -> tuple[str | None, str | None, str | None]:
    """User, device and merchant of a record, where it can be read; what cannot, the user stage refuses."""
    try:
        names = _names.decode(decode_envelope(record).value or b"{}")
    except msgspec.MsgspecError:
        return None, None, None
    device = names.device_id if names.device is None else names.device.id
    return names.user_id, device, names.merchant_id


def in_memory(client: redis.Redis, prefix: str, *, batched: bool) -> Decide:
    """What it does with a batch, without Kafka and with a real Redis."""
    decider = RedisDecider(client, prefix, batched=batched)
    return lambda records, _: decider.decide(records).decisions


def run(options: PeerOptions) -> None:
    """Consume for ever."""
    client = redis.Redis.from_url(options.redis_url)
    batched = options.batch > 1
    decider = RedisDecider(client, options.group, batched=batched, model=options.model, process=options.process)
    kafka.run(options, GATHER_S if batched else 1.0, decider.decide)


if __name__ == "__main__":
    run(read_options())
