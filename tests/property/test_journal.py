"""A profile that is read with its journal is the one that was written, whatever happened in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import facts, journal, windows
from state.journal import JOURNAL, MARK, PAYMENTS, JournaledStore
from state.shared_profile import MerchantProfile, observe
from state.times import DAY_MS, HOUR_MS
from udfs.pipeline import MemoryState

NO_WINDOWS = np.empty(0, np.int64)
_gaps = st.one_of(st.integers(0, 1_000), st.integers(0, HOUR_MS), st.integers(0, DAY_MS))
_payments = st.tuples(st.just("payment"), _gaps, st.integers(-HOUR_MS, 0), st.integers(0, 3))
_others = st.one_of(
    st.tuples(st.just("label"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("progress"), st.integers(0, 3)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("flush")),
)


@pytest.fixture(autouse=True)
def _every_profile_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LARGE", 0)


def store() -> JournaledStore[MerchantProfile]:
    return JournaledStore(MerchantProfile, MerchantProfile.unpack, MerchantProfile.pack_all, 1_000)


def pay(profile: MerchantProfile, time: int, party: int = 1) -> None:
    told_of = np.array([[time, party, 100 + party, party % 2]], np.int64)
    assert told_of.shape[1] == facts.OF_SHARED
    told, risk = np.empty((1, 0, windows.TOLD)), np.empty((1, 0, 2))
    observe([profile], told_of, NO_WINDOWS, told, 0, NO_WINDOWS, risk)


@settings(deadline=None)
@given(st.lists(st.one_of(_payments, _payments, _payments, _others), max_size=200))
def test_what_is_read_with_its_journal_is_what_was_written(steps: list[tuple[object, ...]]) -> None:
    told, now = MerchantProfile(), 1_700_000_000_000
    profiles, backing = store(), MemoryState()
    for step in steps:
        profile = profiles.open("shop", backing)
        match step:
            case "payment", int(gap), int(late), int(party):
                now += gap
                for each in (profile, told):
                    pay(each, now + late, party)
            case "label", int(key), bool(fraud):
                for each in (profile, told):
                    each.label(key, now, fraud=fraud)
            case "progress", int(number):
                for each in (profile, told):
                    each.progress[f"pattern-{number}"] = [now, number]
            case ("restart",):
                profiles.flush(backing, {})
                profiles = store()
            case _:
                profiles.flush(backing, {})
    profiles.flush(backing, {})
    assert store().open("shop", backing).pack() == told.pack()


def written(payments: Iterator[int]) -> tuple[int, int]:
    """How often the profile was written whole, and how often its journal, with a flush after each payment."""
    profiles, backing = store(), MemoryState()
    whole = beside = 0
    for time in payments:
        pay(profiles.open("shop", backing), time)
        before = dict(backing)
        profiles.flush(backing, {})
        whole += backing["shop"] != before.get("shop")
        beside += backing.get(JOURNAL + "shop") != before.get(JOURNAL + "shop")
    return whole, beside


def test_a_large_profile_is_written_whole_once_in_so_many_payments() -> None:
    whole, beside = written(iter(range(0, 10 * (PAYMENTS + 1) * 1_000, 1_000)))
    assert (whole, beside) == (10, 10 * PAYMENTS)


def test_a_profile_that_is_paid_seldom_is_written_whole_before_its_state_expires() -> None:
    whole, _ = written(iter(range(0, 20 * 5 * DAY_MS, 5 * DAY_MS)))
    assert whole >= 20 // 3


def test_the_journal_of_an_earlier_writing_is_not_read() -> None:
    profiles, backing = store(), MemoryState()
    for time in range(5):
        pay(profiles.open("shop", backing), time)
        profiles.flush(backing, {})
    stale = backing[JOURNAL + "shop"]
    profiles.open("shop", backing).label(1, 0, fraud=True)
    profiles.flush(backing, {})
    backing[JOURNAL + "shop"] = stale
    assert len(store().open("shop", backing).history) == 5


def test_a_small_profile_has_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LARGE", 2_048)
    profiles, backing = store(), MemoryState()
    chance = random.Random(1)
    for number in range(300):
        before = dict(backing)
        pay(profiles.open("shop", backing), number * 60_000, chance.randrange(100))
        profiles.flush(backing, {})
        has_journal = backing["shop"].startswith(MARK)
        assert has_journal == (len(backing["shop"]) >= 2_048)
        assert has_journal or backing["shop"] != before.get("shop")
    assert backing["shop"].startswith(MARK)
