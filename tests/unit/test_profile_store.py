"""The store of profiles: a cache that never holds what the state does not."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from state.store import ProfileStore


class Counter:
    """A profile that counts."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def pack(self) -> bytes:
        return self.count.to_bytes(4, "little")

    @staticmethod
    def pack_all(profiles: Sequence[Counter]) -> list[bytes]:
        return [profile.pack() for profile in profiles]

    @classmethod
    def unpack(cls, data: bytes) -> Counter:
        return cls(int.from_bytes(data, "little"))


class Backing(dict[str, bytes]):
    """State that notes how often it is asked."""

    reads = 0
    writes = 0

    def get(self, key: str) -> bytes | None:  # type: ignore[override]
        self.reads += 1
        return super().get(key)

    def put_all(self, entries: dict[str, bytes]) -> None:
        self.writes += 1
        self.update(entries)


def store(capacity: int = 100) -> ProfileStore[Counter]:
    return ProfileStore(Counter, Counter.unpack, Counter.pack_all, capacity)


def test_a_batch_is_written_in_one_call_with_what_the_stage_keeps_beside() -> None:
    backing, profiles = Backing(), store()
    for name in ("a", "b", "a"):
        profiles.open(name, backing).count += 1
    profiles.flush(backing, {"clock": b"now"})
    assert backing == {"a": Counter(2).pack(), "b": Counter(1).pack(), "clock": b"now"}
    assert backing.writes == 1


def test_a_profile_used_lately_is_not_read_again() -> None:
    backing, profiles = Backing(), store()
    for _ in range(3):
        profiles.open("a", backing).count += 1
        profiles.flush(backing, {})
    assert backing.reads == 1
    assert backing["a"] == Counter(3).pack()


@given(st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=40), st.integers(1, 9))
def test_however_small_the_cache_nothing_is_forgotten(batches: list[list[int]], capacity: int) -> None:
    backing, profiles = Backing(), store(capacity)
    for batch in batches:
        for entity in batch:
            profiles.open(str(entity), backing).count += 1
        profiles.flush(backing, {})
        restarted = store(capacity)
        assert all(restarted.open(key, Backing(backing)).pack() == packed for key, packed in backing.items())
    flat = [str(entity) for batch in batches for entity in batch]
    assert backing == {entity: Counter(flat.count(entity)).pack() for entity in flat}
