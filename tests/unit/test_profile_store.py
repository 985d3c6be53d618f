"""The store of profiles: what the state lacks is decoded at hand, and is written before a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from state.store import profile_store as stores
from state.store.changelog import BOUNDS, Change
from state.store.profile_store import ProfileStore, ShardProfiles


class Counter:
    """A profile that counts."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.log_buffer: bytearray | None = None

    def add(self) -> None:
        """Count one more."""
        self.count += 1
        if self.log_buffer is not None:
            self.log_buffer += b"+"

    def pack(self) -> bytes:
        return self.count.to_bytes(4, "little")

    @staticmethod
    def pack_all(profiles: Sequence[Counter]) -> list[bytes]:
        for profile in profiles:
            if profile.log_buffer:
                profile.log_buffer.clear()
        return [profile.pack() for profile in profiles]

    @classmethod
    def unpack(cls, data: bytes) -> Counter:
        return cls(int.from_bytes(data, "little"))

    @staticmethod
    def changes(profiles: Sequence[Counter]) -> list[Change | None]:
        told = [Change(bytes(profile.log_buffer), None) if profile.log_buffer else None for profile in profiles]
        Counter.pack_all(profiles)
        return told

    def replay(self, change: Change) -> None:
        self.count += len(change.events)


class RecordingState(dict[str, bytes]):
    """State that notes how often it is asked."""

    reads = 0
    writes = 0
    wholes = 0

    def get(self, key: str) -> bytes | None:  # type: ignore[override]
        self.reads += key.isprintable()
        return super().get(key)

    def put_many(self, entries: dict[str, bytes]) -> None:
        self.writes += 1
        self.wholes += sum(key.isprintable() for key in entries)
        self.update(entries)

    def remove(self, key: str) -> None:
        self.pop(key, None)

    def entries(self) -> list[str]:
        """Keys of the changelog's entries."""
        return [key for key in self if key.startswith(BOUNDS + "-")]


def store(capacity: int = 100) -> ProfileStore[Counter]:
    """One that writes every profile whole."""
    return ProfileStore(Counter, Counter.unpack, Counter.pack_all, capacity)


def logged(backing: RecordingState, capacity: int = 100) -> ShardProfiles[Counter]:
    """A shard of one that has a changelog."""
    return ProfileStore(Counter, Counter.unpack, Counter.pack_all, capacity, Counter.changes).shard(0, backing)


def counts(backing: RecordingState, names: Sequence[str]) -> dict[str, int]:
    """What whoever starts on a copy of the state finds."""
    found = logged(RecordingState(backing))
    return {name: found.get(name).count for name in names}


def test_a_checkpoint_is_written_in_one_call_with_what_the_stage_keeps_beside() -> None:
    backing = RecordingState()
    profiles = store().shard(0, backing)
    for name in ("a", "b", "a"):
        profiles.get(name).add()
    assert not backing
    profiles.checkpoint({"clock": b"now"})
    assert backing == {"a": Counter(2).pack(), "b": Counter(1).pack(), "clock": b"now"}
    assert backing.writes == 1


def test_a_profile_used_lately_is_not_read_again() -> None:
    backing = RecordingState()
    profiles = store().shard(0, backing)
    for _ in range(3):
        profiles.get("a").add()
        profiles.checkpoint({})
    assert backing.reads == 1
    assert backing["a"] == Counter(3).pack()


def test_shards_of_one_instance_keep_their_profiles_apart() -> None:
    first, second, profiles = RecordingState(), RecordingState(), store()
    profiles.shard(0, first).get("a").add()
    profiles.shard(1, second).get("b").add()
    profiles.shard(0, first).checkpoint({})
    assert (list(first), list(second)) == (["a"], [])
    profiles.shard(1, second).checkpoint({})
    assert (list(first), list(second)) == (["a"], ["b"])


def test_a_checkpoint_writes_what_changed_and_not_whole_profiles() -> None:
    backing = RecordingState()
    profiles = logged(backing)
    for _ in range(3):
        profiles.get("a").add()
    profiles.get("only looked at")
    profiles.checkpoint({"clock": b"now"})
    assert set(backing) == {BOUNDS, f"{BOUNDS}-0", "clock"}
    assert counts(backing, ["a", "only looked at"]) == {"a": 3, "only looked at": 0}


def test_a_checkpoint_without_news_adds_no_entry() -> None:
    backing = RecordingState()
    profiles = logged(backing)
    for _ in range(3):
        profiles.checkpoint({})
    assert list(backing) == [BOUNDS]


def test_an_entry_that_is_lost_is_missed() -> None:
    backing = RecordingState()
    profiles = logged(backing)
    profiles.get("a").add()
    profiles.checkpoint({})
    del backing[f"{BOUNDS}-0"]
    with pytest.raises(ProfileDamagedError, match="entry 0 of a shard's changelog is not in its state"):
        logged(backing)


def test_an_entry_of_a_version_that_is_not_known_is_refused_and_not_guessed_at() -> None:
    backing = RecordingState({BOUNDS: msgspec.msgpack.encode([0, 1])})
    backing[f"{BOUNDS}-0"] = msgspec.msgpack.encode([2, {"a": [b"+", None]}])
    with pytest.raises(ProfileVersionError, match="has version 2, this program reads version 1"):
        logged(backing)


def test_profiles_are_written_whole_once_in_some_payments_and_entries_go_when_nobody_needs_them() -> None:
    backing = RecordingState()
    profiles = logged(backing, 1_000)
    names = [f"u{number}" for number in range(100)]
    for number in range(40):
        for name in names:
            profiles.get(name).add()
        profiles.after_batch(len(names))
        if number % 4 == 3:
            profiles.checkpoint({})
        assert len(backing.entries()) <= stores.EVENTS_PER_MATERIALIZATION // 4 + 2
    assert counts(backing, names) == dict.fromkeys(names, 40)
    assert backing.wholes == 40 * len(names) // stores.EVENTS_PER_MATERIALIZATION


def test_what_is_not_paid_with_any_more_is_written_whole_after_some_checkpoints() -> None:
    backing = RecordingState()
    profiles = logged(backing)
    profiles.get("a").add()
    for _ in range(stores.MAX_LAG_SEGMENTS + 2):
        profiles.checkpoint({})
    assert backing.entries() == []
    assert counts(backing, ["a"]) == {"a": 1}


def test_where_checkpoints_are_far_between_an_entry_does_not_grow_without_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "LONGEST_ENTRY", 4)
    backing = RecordingState()
    profiles = logged(backing)
    for _ in range(12):
        profiles.get("a").add()
        profiles.after_batch(1)
    assert len(backing.entries()) == 3
    assert counts(backing, ["a"]) == {"a": 12}


_steps = st.one_of(st.integers(0, 12), st.sampled_from(["batch", "checkpoint", "failure"]))


@pytest.fixture
def _all_comes_to_its_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OLDEST_ENTRY", 3), ("LONGEST_ENTRY", 5), ("WRITTEN_AT_ONCE", 2), ("TAKEN_A_WRITING", 3)):
        monkeypatch.setattr(stores, name, value)


class Shards:
    """Two shards of one store, with their states as they are and as the last checkpoint took them."""

    def __init__(self, capacity: int, has_changelog: bool) -> None:
        self._options = capacity, Counter.changes if has_changelog else None
        self._states, self._kept = (
            [RecordingState(), RecordingState()] for _ in range(2)
        )  # nothing is kept before a checkpoint
        self.start()

    def start(self) -> None:
        """Begin anew on the states as they are."""
        self._store = ProfileStore(Counter, Counter.unpack, Counter.pack_all, *self._options)
        self.taken = [0, 0]

    def of(self, shard: int) -> ShardProfiles[Counter]:
        return self._store.shard(shard, self._states[shard])

    def checkpoint(self) -> None:
        for shard in range(2):
            self.of(shard).checkpoint({})
        self._kept = [RecordingState(state) for state in self._states]

    def fail(self) -> None:
        self._states = [RecordingState(state) for state in self._kept]
        self.start()


@pytest.mark.usefixtures("_all_comes_to_its_end_soon")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_steps, max_size=200), st.integers(0, 9), st.booleans())
def test_however_small_the_cache_and_whatever_fails_what_a_checkpoint_holds_is_all_there_was(
    steps: list[int | str], capacity: int, has_changelog: bool
) -> None:
    shards = Shards(capacity, has_changelog)
    true: dict[int, int] = {}
    at_checkpoint: dict[int, int] = {}
    for step in steps:
        match step:
            case "batch":
                for shard in range(2):
                    shards.of(shard).after_batch(shards.taken[shard])
                shards.taken = [0, 0]
            case "checkpoint":
                shards.checkpoint()
                at_checkpoint = dict(true)
            case "failure":
                shards.fail()
                true = dict(at_checkpoint)
            case int(entity):
                shards.of(entity % 2).get(str(entity)).add()
                shards.taken[entity % 2] += 1
                true[entity] = true.get(entity, 0) + 1
    shards.checkpoint()
    shards.start()
    assert {entity: shards.of(entity % 2).get(str(entity)).count for entity in true} == true
