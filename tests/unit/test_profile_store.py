"""The profile store: profiles change in memory, and a checkpoint writes everything that keyed state lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from state.store import changelog, profile_store
from state.store.changelog import CHANGELOG_KEY, Change, ChangeUpgrade
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
    def drain_changes(profiles: Sequence[Counter]) -> list[Change | None]:
        changes = [Change(bytes(profile.log_buffer), None) if profile.log_buffer else None for profile in profiles]
        Counter.pack_all(profiles)
        return changes

    def replay(self, change: Change) -> None:
        self.count += len(change.events)


class RecordingState(dict[str, bytes]):
    """Keyed state that counts its calls, and the profiles that are written whole."""

    reads = 0
    writes = 0
    snapshots = 0

    def get(self, key: str) -> bytes | None:  # type: ignore[override]
        self.reads += key.isprintable()
        return super().get(key)

    def put_many(self, entries: dict[str, bytes]) -> None:
        self.writes += 1
        self.snapshots += sum(key.isprintable() for key in entries)
        self.update(entries)

    def remove(self, key: str) -> None:
        self.pop(key, None)

    def segments(self) -> list[str]:
        """Keys of the changelog's segments."""
        return [key for key in self if key.startswith(CHANGELOG_KEY + "-")]


def without_changelog(capacity: int = 100) -> ProfileStore[Counter]:
    return ProfileStore(Counter, Counter.unpack, Counter.pack_all, capacity)


def with_changelog(
    state: RecordingState, capacity: int = 100, upgrades: Mapping[int, ChangeUpgrade] | None = None
) -> ShardProfiles[Counter]:
    store = ProfileStore(
        Counter, Counter.unpack, Counter.pack_all, capacity, Counter.drain_changes, change_upgrades=upgrades or {}
    )
    return store.shard(0, state)


def counts(state: RecordingState, names: Sequence[str]) -> dict[str, int]:
    """Counts in a shard that is restored from a copy of the state."""
    restored = with_changelog(RecordingState(state))
    return {name: restored.get(name).count for name in names}


def test_a_checkpoint_is_one_write_together_with_the_other_entries_of_the_shard() -> None:
    state = RecordingState()
    profiles = without_changelog().shard(0, state)
    for name in ("a", "b", "a"):
        profiles.get(name).add()
    assert not state
    profiles.checkpoint({"clock": b"now"})
    assert state == {"a": Counter(2).pack(), "b": Counter(1).pack(), "clock": b"now"}
    assert state.writes == 1


def test_a_recently_used_profile_is_not_read_again() -> None:
    state = RecordingState()
    profiles = without_changelog().shard(0, state)
    for _ in range(3):
        profiles.get("a").add()
        profiles.checkpoint({})
    assert state.reads == 1
    assert state["a"] == Counter(3).pack()


def test_each_shard_of_a_store_writes_its_own_profiles() -> None:
    states, store = [RecordingState(), RecordingState()], without_changelog()
    first, second = (store.shard(number, state) for number, state in enumerate(states))
    first.get("a").add()
    second.get("b").add()
    first.checkpoint({})
    assert [list(state) for state in states] == [["a"], []]
    second.checkpoint({})
    assert [list(state) for state in states] == [["a"], ["b"]]


def test_a_second_copy_of_a_shard_is_refused() -> None:
    store = without_changelog()
    store.shard(0, RecordingState())
    with pytest.raises(ValueError, match="the profiles of shard 0 exist already"):
        store.shard(0, RecordingState())


def test_a_checkpoint_writes_the_changes_and_not_whole_profiles() -> None:
    state = RecordingState()
    profiles = with_changelog(state)
    for _ in range(3):
        profiles.get("a").add()
    profiles.get("only read")
    profiles.checkpoint({"clock": b"now"})
    assert set(state) == {CHANGELOG_KEY, f"{CHANGELOG_KEY}-0", "clock"}
    assert counts(state, ["a", "only read"]) == {"a": 3, "only read": 0}


def test_a_checkpoint_without_changes_adds_no_segment() -> None:
    state = RecordingState()
    profiles = with_changelog(state)
    for _ in range(3):
        profiles.checkpoint({})
    assert list(state) == [CHANGELOG_KEY]


def test_a_missing_segment_is_noticed() -> None:
    state = RecordingState()
    profiles = with_changelog(state)
    profiles.get("a").add()
    profiles.checkpoint({})
    del state[f"{CHANGELOG_KEY}-0"]
    with pytest.raises(ProfileDamagedError, match="segment 0 of a shard's changelog is missing from its state"):
        with_changelog(state)


def state_with_segment(version: int, events: bytes) -> RecordingState:
    """State with one segment, in which an entity has a change."""
    return RecordingState(
        {
            CHANGELOG_KEY: msgspec.msgpack.encode([0, 1]),
            f"{CHANGELOG_KEY}-0": msgspec.msgpack.encode([version, {"a": [events, None]}]),
        }
    )


def test_a_segment_of_the_present_version_is_replayed() -> None:
    assert counts(state_with_segment(changelog.VERSION, b"+++"), ["a"]) == {"a": 3}


def test_a_segment_of_an_unknown_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        ProfileVersionError, match=r"segment 0 .* has version 2, this program reads version 1: run the program"
    ):
        with_changelog(state_with_segment(2, b"+"))


def test_a_segment_of_an_older_version_is_upgraded_step_by_step() -> None:
    def decimal(change: Change) -> Change:
        return Change(str(change.events[0]).encode(), change.aux_state)

    def unary(change: Change) -> Change:
        return Change(b"+" * int(change.events), change.aux_state)

    state = state_with_segment(changelog.VERSION - 2, bytes((12,)))
    upgrades = {changelog.VERSION - 2: decimal, changelog.VERSION - 1: unary}
    assert with_changelog(state, upgrades=upgrades).get("a").count == 12
    with pytest.raises(ProfileVersionError, match="has version -1, this program reads versions 0 to 1"):
        with_changelog(state, upgrades={changelog.VERSION - 1: unary})


def test_a_profile_is_materialized_once_per_some_events_and_segments_are_truncated() -> None:
    state = RecordingState()
    profiles = with_changelog(state, 1_000)
    names = [f"u{number}" for number in range(100)]
    for number in range(40):
        for name in names:
            profiles.get(name).add()
        profiles.after_batch(len(names))
        if number % 4 == 3:
            profiles.checkpoint({})
        assert len(state.segments()) <= profile_store.EVENTS_PER_MATERIALIZATION // 4 + 2
    assert counts(state, names) == dict.fromkeys(names, 40)
    assert state.snapshots == 40 * len(names) // profile_store.EVENTS_PER_MATERIALIZATION


def test_a_profile_without_further_events_is_materialized_after_some_checkpoints() -> None:
    state = RecordingState()
    profiles = with_changelog(state)
    profiles.get("a").add()
    for _ in range(profile_store.MAX_LAG_SEGMENTS + 2):
        profiles.checkpoint({})
    assert state.segments() == []
    assert counts(state, ["a"]) == {"a": 1}


def test_a_segment_is_bounded_however_rare_checkpoints_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_store, "MAX_SEGMENT_EVENTS", 4)
    state = RecordingState()
    profiles = with_changelog(state)
    for _ in range(12):
        profiles.get("a").add()
        profiles.after_batch(1)
    assert len(state.segments()) == 3
    assert counts(state, ["a"]) == {"a": 12}


_steps = st.one_of(st.integers(0, 12), st.sampled_from(["batch", "checkpoint", "failure"]))


@pytest.fixture
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"MAX_LAG_SEGMENTS": 3, "MAX_SEGMENT_EVENTS": 5, "MATERIALIZE_MIN": 2, "EVENTS_PER_MATERIALIZATION": 3}
    for name, value in limits.items():
        monkeypatch.setattr(profile_store, name, value)


class Shards:
    """Two shards of one store, with their states now and at the last checkpoint."""

    def __init__(self, capacity: int, has_changelog: bool) -> None:
        self._options = capacity, Counter.drain_changes if has_changelog else None
        self._states = [RecordingState(), RecordingState()]
        self._checkpointed = [RecordingState(), RecordingState()]
        self.start()

    def start(self) -> None:
        """Restore both shards from their states."""
        store = ProfileStore(Counter, Counter.unpack, Counter.pack_all, *self._options)
        self._shards = [store.shard(number, state) for number, state in enumerate(self._states)]
        self.events = [0, 0]

    def of(self, shard: int) -> ShardProfiles[Counter]:
        return self._shards[shard]

    def checkpoint(self) -> None:
        for shard in self._shards:
            shard.checkpoint({})
        self._checkpointed = [RecordingState(state) for state in self._states]

    def fail(self) -> None:
        self._states = [RecordingState(state) for state in self._checkpointed]
        self.start()


@pytest.mark.usefixtures("_small_limits")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_steps, max_size=200), st.integers(0, 9), st.booleans())
def test_a_checkpoint_is_complete_however_small_the_cache_and_whatever_fails(
    steps: list[int | str], capacity: int, has_changelog: bool
) -> None:
    shards = Shards(capacity, has_changelog)
    true: dict[int, int] = {}
    at_checkpoint: dict[int, int] = {}
    for step in steps:
        match step:
            case "batch":
                for shard in range(2):
                    shards.of(shard).after_batch(shards.events[shard])
                shards.events = [0, 0]
            case "checkpoint":
                shards.checkpoint()
                at_checkpoint = dict(true)
            case "failure":
                shards.fail()
                true = dict(at_checkpoint)
            case int(entity):
                shards.of(entity % 2).get(str(entity)).add()
                shards.events[entity % 2] += 1
                true[entity] = true.get(entity, 0) + 1
    shards.checkpoint()
    shards.start()
    assert {entity: shards.of(entity % 2).get(str(entity)).count for entity in true} == true
