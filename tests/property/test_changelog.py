"""A profile restored from its snapshot and changelog equals one that was never stored, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kernel.times import DAY_MS, HOUR_MS
from state.profiles import behavior, shared_profile, user_profile
from state.profiles.shared_profile import DeviceProfile, MerchantProfile, SharedProfile
from state.profiles.user_profile import UserProfile
from state.store.profile_store import ProfileStore, ShardProfiles
from state.windowing import aggregates, event_schema
from udfs.pipeline import MemoryState

NO_WINDOWS = np.empty(0, np.int64)
WEB = "web"
_gaps = st.one_of(st.integers(0, 1_000), st.integers(0, HOUR_MS), st.integers(0, DAY_MS))
_payments = st.tuples(st.just("payment"), _gaps, st.integers(-HOUR_MS, 0), st.integers(0, 3))
_others = st.one_of(
    st.tuples(st.just("aux state"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("progress"), st.integers(0, 3)),
    st.tuples(st.just("filter"), st.integers(0, 3)),
    st.tuples(st.just("batch"), st.integers(1, 200)),
    st.tuples(st.just("checkpoint")),
    st.tuples(st.just("restart")),
)
step_lists = st.lists(st.one_of(_payments, _payments, _payments, _others), max_size=200)


def shard(kind: type[Any], state: MemoryState) -> ShardProfiles[Any]:
    return ProfileStore[Any](kind, kind.unpack, kind.pack_all, 1_000, kind.drain_changes).shard(0, state)


def pay_shared(profile: SharedProfile, time: int, counterparty: int) -> None:
    events = np.array([[time, counterparty, 100 + counterparty, counterparty % 2]], np.int64)
    out, risk = np.empty((1, 0, aggregates.OUT_WIDTH)), np.empty((1, 0, 2))
    shared_profile.observe([profile], events, NO_WINDOWS, out, 0, NO_WINDOWS, risk)


def pay_user(profile: UserProfile, time: int, counterparty: int) -> None:
    events = np.arange(event_schema.USER_EVENT_WIDTH, dtype=np.int64)[None] * counterparty
    columns = [event_schema.TIME, event_schema.COUNTERPARTY, event_schema.UNITS, event_schema.DECLINED]
    events[0, columns] = (time, counterparty, 100 + counterparty, counterparty % 2)
    out, behavior_out = np.empty((1, 0, aggregates.OUT_WIDTH)), np.empty((1, behavior.OUT_WIDTH))
    user_profile.observe([profile], [f"{time}-{counterparty}"], events, NO_WINDOWS, out, behavior_out)


def label_shared(profile: SharedProfile, time: int, key: int, flag: bool) -> None:
    profile.label(key, time, time, fraud=flag)


def add_account_event(profile: UserProfile, time: int, key: int, flag: bool) -> None:
    profile.add_account_event(time - key * flag)


def pass_filter(profile: UserProfile | SharedProfile, time: int, counterparty: int) -> None:
    lengths = np.array([HOUR_MS], np.int64)
    history = profile.filtered_history(WEB, HOUR_MS, counts_distinct=True)
    history.observe(time, counterparty, 100, lengths, np.empty((1, aggregates.OUT_WIDTH)))


def check_restored(
    kind: type[Any], pay: Callable[..., None], change_aux_state: Callable[..., None], steps: list[tuple[Any, ...]]
) -> None:
    """Apply the same steps to a profile in a store and to one in memory, and compare them at the end."""
    in_memory, now, state = kind(), 1_700_000_000_000, MemoryState()
    # Distinct times: the order of counterparties seen at the same time is not defined.
    times: set[int] = set()
    profiles = shard(kind, state)
    for step in steps:
        profile = profiles.get("one")
        match step:
            case "payment", int(gap), int(late), int(counterparty):
                now += gap
                time = now + late
                while time in times:
                    time += 1
                times.add(time)
                for each in (profile, in_memory):
                    pay(each, time, counterparty)
            case "aux state", int(key), bool(flag):
                for each in (profile, in_memory):
                    change_aux_state(each, now, key, flag)
            case "progress", int(number):
                for each in (profile, in_memory):
                    each.progress[f"pattern-{number}"] = [now, number]
            case "filter", int(counterparty):
                for each in (profile, in_memory):
                    pass_filter(each, now, counterparty)
            case "batch", int(events):
                profiles.after_batch(events)
            case "restart", *_:
                profiles.checkpoint({})
                profiles = shard(kind, state)
            case _:
                profiles.checkpoint({})
    profiles.checkpoint({})
    assert packed_twice(shard(kind, state).get("one")) == packed_twice(in_memory)


def packed_twice(profile: Any) -> bytes:
    """A profile packed, restored and packed again: restoring sorts keys without a defined order."""
    packed: bytes = type(profile).unpack(profile.pack()).pack()
    return packed


@settings(deadline=None)
@given(step_lists)
def test_a_user_restored_with_the_changelog_equals_one_in_memory(steps: list[tuple[Any, ...]]) -> None:
    check_restored(UserProfile, pay_user, add_account_event, steps)


@settings(deadline=None)
@given(step_lists)
def test_a_merchant_restored_with_the_changelog_equals_one_in_memory(steps: list[tuple[Any, ...]]) -> None:
    check_restored(MerchantProfile, pay_shared, label_shared, steps)


@settings(deadline=None, max_examples=30)
@given(step_lists)
def test_a_device_restored_with_the_changelog_equals_one_in_memory(steps: list[tuple[Any, ...]]) -> None:
    check_restored(DeviceProfile, pay_shared, label_shared, steps)


def test_a_hot_key_restored_with_the_changelog_equals_one_in_memory() -> None:
    hot: list[tuple[Any, ...]] = [("payment", 60_000, -(number % 7) * 90_000, number % 4) for number in range(1_500)]
    for number in range(97, 1_500, 97):
        hot.insert(number, ("restart",))
    check_restored(UserProfile, pay_user, add_account_event, hot)
    check_restored(MerchantProfile, pay_shared, label_shared, hot)
