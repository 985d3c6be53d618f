"""A profile that is read with its changelog is the one that was there, whatever happened in between."""

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
from state.versions.journal import JOURNAL, MARK
from state.windowing import aggregates, event_schema
from udfs.pipeline import MemoryState

NO_WINDOWS = np.empty(0, np.int64)
WEB = "web"
_gaps = st.one_of(st.integers(0, 1_000), st.integers(0, HOUR_MS), st.integers(0, DAY_MS))
_payments = st.tuples(st.just("payment"), _gaps, st.integers(-HOUR_MS, 0), st.integers(0, 3))
_others = st.one_of(
    st.tuples(st.just("beside"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("progress"), st.integers(0, 3)),
    st.tuples(st.just("filter"), st.integers(0, 3)),
    st.tuples(st.just("batch"), st.integers(1, 200)),
    st.tuples(st.just("checkpoint")),
    st.tuples(st.just("restart")),
)
steps = st.lists(st.one_of(_payments, _payments, _payments, _others), max_size=200)


def store(kind: type[Any], backing: MemoryState) -> ShardProfiles[Any]:
    return ProfileStore[Any](kind, kind.unpack, kind.pack_all, 1_000, kind.changes).shard(0, backing)


def pay_shared(profile: SharedProfile, time: int, party: int) -> None:
    told_of = np.array([[time, party, 100 + party, party % 2]], np.int64)
    told, risk = np.empty((1, 0, aggregates.OUT_WIDTH)), np.empty((1, 0, 2))
    shared_profile.observe([profile], told_of, NO_WINDOWS, told, 0, NO_WINDOWS, risk)


def pay_user(profile: UserProfile, time: int, party: int) -> None:
    told_of = np.arange(event_schema.USER_EVENT_WIDTH, dtype=np.int64)[None] * party
    told_of[0, [event_schema.TIME, event_schema.PARTY, event_schema.UNITS, event_schema.DECLINED]] = (
        time,
        party,
        100 + party,
        party % 2,
    )
    told, before = np.empty((1, 0, aggregates.OUT_WIDTH)), np.empty((1, behavior.OUT_WIDTH))
    user_profile.observe([profile], [f"{time}-{party}"], told_of, NO_WINDOWS, told, before)


def tell_shared(profile: SharedProfile, time: int, key: int, flag: bool) -> None:
    profile.label(key, time, fraud=flag)


def tell_user(profile: UserProfile, time: int, key: int, flag: bool) -> None:
    profile.add_account_event(time - key * flag)


def let_pass(profile: UserProfile | SharedProfile, time: int, party: int) -> None:
    lengths = np.array([HOUR_MS], np.int64)
    history = profile.filter(WEB, HOUR_MS, parties=True)
    history.observe(time, party, 100, lengths, np.empty((1, aggregates.OUT_WIDTH)))


def goes_on(
    kind: type[Any], pay: Callable[..., None], beside: Callable[..., None], taken: list[tuple[Any, ...]]
) -> None:
    """Whatever is done to a profile in a store, and to another one beside, both are the same in the end."""
    there, now, backing = kind(), 1_700_000_000_000, MemoryState()
    # Each payment at a time of its own: in which order things lie that are equally recent says nothing.
    times: set[int] = set()
    profiles = store(kind, backing)
    for step in taken:
        profile = profiles.get("one")
        match step:
            case "payment", int(gap), int(late), int(party):
                now += gap
                time = now + late
                while time in times:
                    time += 1
                times.add(time)
                for each in (profile, there):
                    pay(each, time, party)
            case "beside", int(key), bool(flag):
                for each in (profile, there):
                    beside(each, now, key, flag)
            case "progress", int(number):
                for each in (profile, there):
                    each.progress[f"pattern-{number}"] = [now, number]
            case "filter", int(party):
                for each in (profile, there):
                    let_pass(each, now, party)
            case "batch", int(payments):
                profiles.after_batch(payments)
            case "restart", *_:
                profiles.checkpoint({})
                profiles = store(kind, backing)
            case _:
                profiles.checkpoint({})
    profiles.checkpoint({})
    assert read_again(store(kind, backing).get("one")) == read_again(there)


def read_again(profile: Any) -> bytes:
    """A profile packed, read and packed again: reading puts what is known in order."""
    packed: bytes = type(profile).unpack(profile.pack()).pack()
    return packed


@settings(deadline=None)
@given(steps)
def test_a_user_that_is_read_with_the_changelog_is_the_one_that_was_there(taken: list[tuple[Any, ...]]) -> None:
    goes_on(UserProfile, pay_user, tell_user, taken)


@settings(deadline=None)
@given(steps)
def test_so_is_a_merchant(taken: list[tuple[Any, ...]]) -> None:
    goes_on(MerchantProfile, pay_shared, tell_shared, taken)


@settings(deadline=None, max_examples=30)
@given(steps)
def test_so_is_a_device(taken: list[tuple[Any, ...]]) -> None:
    goes_on(DeviceProfile, pay_shared, tell_shared, taken)


def test_so_are_keys_that_are_hot() -> None:
    hot: list[tuple[Any, ...]] = [("payment", 60_000, -(number % 7) * 90_000, number % 4) for number in range(1_500)]
    for number in range(97, 1_500, 97):
        hot.insert(number, ("restart",))
    goes_on(UserProfile, pay_user, tell_user, hot)
    goes_on(MerchantProfile, pay_shared, tell_shared, hot)


def test_a_merchant_with_the_journal_of_an_earlier_version_is_read_with_it() -> None:
    there, since = MerchantProfile(), np.array([[6_000, 1, 100, 0], [7_000, 2, 200, 1]], np.int64)
    for time in range(5):
        pay_shared(there, time * 1_000, 1)
    whole, number = there.pack(), bytes((0, 0, 0, 9))
    backing = MemoryState({"shop": MARK + number + whole, f"{JOURNAL}shop": number + since.tobytes()})
    for time, party, units, declined in since.tolist():
        there.history.observe(
            time, party, units, NO_WINDOWS, np.empty((0, aggregates.OUT_WIDTH)), declined=bool(declined)
        )
    profiles = store(MerchantProfile, backing)
    assert profiles.get("shop").pack() == there.pack()
    pay_shared(profiles.get("shop"), 8_000, 3)
    pay_shared(there, 8_000, 3)
    profiles.checkpoint({})
    assert store(MerchantProfile, backing).get("shop").pack() == there.pack()


def test_a_journal_of_an_earlier_writing_is_not_read() -> None:
    profile = MerchantProfile()
    pay_shared(profile, 0, 1)
    stale = bytes((0, 0, 0, 8)) + np.array([[6_000, 1, 100, 0]], np.int64).tobytes()
    backing = MemoryState({"shop": MARK + bytes((0, 0, 0, 9)) + profile.pack(), f"{JOURNAL}shop": stale})
    assert len(store(MerchantProfile, backing).get("shop").history) == 1
