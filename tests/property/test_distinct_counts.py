"""Distinct counts: exact while few keys are stored, within the stated error beyond, the same after a restore."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.windowing import distinct
from state.windowing.distinct import STRATUM_CAPACITY

_seen = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 1_000)),
    max_size=STRATUM_CAPACITY,
    unique_by=lambda entry: entry[0],
)


class DistinctKeys:
    """The counterparties of a hot key's older events, without the rest of its history."""

    def __init__(self) -> None:
        self.head = np.zeros(distinct.HEAD_WORDS, np.int64)
        distinct.enable_distinct(self.head)
        self.counterparties = np.empty((distinct.COUNTERPARTY_COLUMNS, 4_096), np.int64)

    def __len__(self) -> int:
        return int(self.head[distinct.COUNTERPARTY_COUNT])

    def add(self, entries: list[tuple[int, int]]) -> None:
        for key, time in entries:
            distinct.add_counterparty(self.head, self.counterparties, key, time)
        distinct.rebalance_strata(self.head, self.counterparties)

    def remove(self, key: int) -> None:
        distinct.remove_counterparty(self.head, self.counterparties, key)

    def count(self, start: int) -> int:
        return distinct.count_distinct(self.head, self.counterparties, start)

    def evict(self, moment: int) -> None:
        distinct.evict_counterparties(self.head, self.counterparties, moment)


@settings(deadline=None)
@given(_seen, st.integers(-1, 1_000))
def test_few_keys_are_counted_exactly_since_any_moment(seen: list[tuple[int, int]], start: int) -> None:
    keys = DistinctKeys()
    keys.add(seen)
    assert keys.count(start) == sum(time > start for _, time in seen)


@settings(deadline=None)
@given(_seen.filter(bool), st.integers(0, 1_000))
def test_a_key_seen_again_counts_at_its_newest_time(seen: list[tuple[int, int]], again: int) -> None:
    keys = DistinctKeys()
    keys.add(seen)
    first, time = seen[0]
    keys.add([(first, again)])
    newest = dict(seen) | {first: max(time, again)}
    for start in (-1, again - 1, again, time):
        assert keys.count(start) == sum(moment > start for moment in newest.values())


def many(seed: int, events: int, users: int) -> tuple[DistinctKeys, dict[int, int]]:
    chance = random.Random(seed)
    pool = [chance.getrandbits(64) - 2**63 for _ in range(users)]
    keys, last = DistinctKeys(), {}
    for now in range(events):
        key = pool[chance.randrange(users)]
        keys.remove(key)
        keys.add([(key, now)])
        last[key] = now
    return keys, last


def test_many_keys_are_counted_within_the_stated_standard_error() -> None:
    errors = []
    for seed in range(30):
        keys, last = many(seed, events=6_000, users=4_000)
        for start in (0, 2_000, 4_000):
            truth = sum(time > start for time in last.values())
            errors.append(keys.count(start) / truth - 1)
    stated = 0.9 / STRATUM_CAPACITY**0.5
    assert sum(error**2 for error in errors) / len(errors) <= (1.25 * stated) ** 2
    assert abs(sum(errors) / len(errors)) <= 3 * stated / len(errors) ** 0.5


def test_memory_grows_with_the_logarithm_of_the_keys() -> None:
    keys, _ = many(1, events=20_000, users=20_000)
    assert len(keys) <= 10 * STRATUM_CAPACITY


@pytest.mark.parametrize("moment", [-1, 2_500, 5_000])
def test_evicted_keys_are_not_counted(moment: int) -> None:
    keys, _ = many(3, events=5_000, users=3_000)
    recent = keys.count(moment)
    keys.evict(moment)
    assert keys.count(-1) == recent
