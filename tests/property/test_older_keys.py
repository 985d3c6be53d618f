"""How many different keys: exact while few, within the stated error when many, the same after a restore."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.distinct import OlderKeys

CAPACITY = 128
_seen = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 1_000)), max_size=CAPACITY, unique_by=lambda e: e[0]
)


@given(_seen, st.integers(-1, 1_000))
def test_few_keys_are_counted_exactly_since_any_moment(seen: list[tuple[int, int]], start: int) -> None:
    keys = OlderKeys(CAPACITY)
    keys.take(seen)
    assert keys.count(start) == sum(time > start for _, time in seen)


@given(_seen.filter(bool), st.integers(0, 1_000))
def test_a_key_seen_again_counts_at_its_newest_time(seen: list[tuple[int, int]], again: int) -> None:
    keys = OlderKeys(CAPACITY)
    keys.take(seen)
    first, time = seen[0]
    keys.see(first, again)
    newest = dict(seen) | {first: max(time, again)}
    for start in (-1, again - 1, again, time):
        assert keys.count(start) == sum(moment > start for moment in newest.values())


def many(seed: int, events: int, users: int) -> tuple[OlderKeys, dict[int, int]]:
    chance = random.Random(seed)
    pool = [chance.getrandbits(64) for _ in range(users)]
    keys, last = OlderKeys(CAPACITY), {}
    for now in range(events):
        key = pool[chance.randrange(users)]
        keys.discard(key)
        keys.take([(key, now)])
        last[key] = now
    return keys, last


def test_many_keys_are_counted_within_the_stated_standard_error() -> None:
    errors = []
    for seed in range(30):
        keys, last = many(seed, events=6_000, users=4_000)
        for start in (0, 2_000, 4_000):
            truth = sum(time > start for time in last.values())
            errors.append(keys.count(start) / truth - 1)
    stated = 0.9 / CAPACITY**0.5
    assert sum(error**2 for error in errors) / len(errors) <= (1.25 * stated) ** 2
    assert abs(sum(errors) / len(errors)) <= 3 * stated / len(errors) ** 0.5


def test_memory_grows_with_the_logarithm_of_the_keys() -> None:
    keys, _ = many(1, events=20_000, users=20_000)
    assert len(keys.pack()) <= 10 * CAPACITY * 13


def test_restored_keys_count_and_forget_alike() -> None:
    keys, _ = many(2, events=5_000, users=3_000)
    restored = OlderKeys.unpack(CAPACITY, keys.pack())
    for moment in (500, 3_000, 4_900):
        assert [restored.count(start) for start in range(0, 5_000, 97)] == [
            keys.count(start) for start in range(0, 5_000, 97)
        ]
        keys.forget_until(moment)
        restored.forget_until(moment)
    assert restored.pack() == keys.pack()


@pytest.mark.parametrize("moment", [-1, 2_500, 5_000])
def test_what_is_forgotten_is_not_counted(moment: int) -> None:
    keys, _ = many(3, events=5_000, users=3_000)
    recent = keys.count(moment)
    keys.forget_until(moment)
    assert keys.count(-1) == recent
