"""What every pattern owes, whichever it is: found by looking, so a new file is held to it without being named here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest

import udfs.patterns
from tests.payments import payment
from udfs.patterns import PATTERNS, Match, Pattern, Progress, observe
from udfs.records.transaction import Transaction

each_pattern = pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)


class Profile:
    """An entity's memory, as far as patterns need it."""

    def __init__(self) -> None:
        self.progress: dict[str, Progress] = {}


def busy_user(name: str, n: int = 400) -> list[Transaction]:
    """Payments that come close to every kind of attack by chance: bunched, repeated, tiny, huge, out of order."""
    chance = random.Random(name)
    return [
        payment(f"{name}{i}", chance.choice([0.5, 1.0, 4.0, 30.0, 250.0, 3000.0]), minute=4 * i - chance.uniform(0, 30))
        for i in range(n)
    ]


def shown(pattern: Pattern, profile: Profile, payments: list[Transaction]) -> list[Match]:
    return [match for one in payments for match in observe([pattern], profile, one)]


def test_every_pattern_that_is_written_is_registered() -> None:
    written = set()
    for module in pkgutil.iter_modules(udfs.patterns.__path__, "udfs.patterns."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Pattern) and not inspect.isabstract(kind):
                written.add(kind)
    assert {type(pattern) for pattern in PATTERNS} == written


def test_no_two_patterns_share_an_id_or_a_reason() -> None:
    assert len({pattern.id for pattern in PATTERNS}) == len(PATTERNS)
    assert len({pattern.reason for pattern in PATTERNS}) == len(PATTERNS)


@each_pattern
def test_a_match_names_payments_that_were_shown_in_order_of_event_time(pattern: Pattern) -> None:
    payments = busy_user("u")
    times = {one.transaction_id: one.event_time for one in payments}
    matches = shown(pattern, Profile(), payments)
    assert matches, "the busy user never matches: this contract would hold of a pattern that does nothing"
    for match in matches:
        assert (match.pattern, match.version) == (pattern.id, pattern.version)
        of_match = [times[one] for one in match.transaction_ids]
        assert of_match == sorted(of_match)
        assert len(set(match.transaction_ids)) == len(match.transaction_ids) > 1


@each_pattern
def test_progress_that_was_stored_and_read_back_goes_on_where_it_was(pattern: Pattern) -> None:
    stored, matches = b"\x80", []
    for one in busy_user("u"):
        profile = Profile()
        profile.progress = msgspec.msgpack.decode(stored, type=dict[str, Progress])
        matches += observe([pattern], profile, one)
        stored = msgspec.msgpack.encode(profile.progress)
    assert matches == shown(pattern, Profile(), busy_user("u"))


@each_pattern
def test_users_do_not_get_into_each_others_matches(pattern: Pattern) -> None:
    profiles, matches = {"a": Profile(), "b": Profile()}, []
    for pair in zip(busy_user("a"), busy_user("b"), strict=True):
        for name, one in zip("ab", pair, strict=True):
            matches += observe([pattern], profiles[name], one)
    alone = [shown(pattern, Profile(), busy_user(name)) for name in "ab"]
    assert sorted(m.transaction_ids for m in matches) == sorted(m.transaction_ids for ms in alone for m in ms)


@each_pattern
def test_a_payment_that_is_in_the_progress_already_changes_nothing(pattern: Pattern) -> None:
    profile, payments = Profile(), busy_user("u")
    for one in payments:
        observe([pattern], profile, one)
        before = msgspec.msgpack.encode(profile.progress)
        assert observe([pattern], profile, one) == []
        assert msgspec.msgpack.encode(profile.progress) == before


@each_pattern
def test_progress_stays_small_under_a_flood(pattern: Pattern) -> None:
    profile = Profile()
    for i in range(5_000):
        observe([pattern], profile, payment(f"{i:036d}", [0.5, 250.0][i % 7 == 0], minute=i / 1000))
    assert len(msgspec.msgpack.encode(profile.progress)) < 4_096


def test_an_ordinary_payment_never_asks_for_the_progress() -> None:
    class Costly:
        @property
        def progress(self) -> dict[str, Progress]:
            raise AssertionError("the progress was unpacked for a payment that touches no pattern")

    assert observe(PATTERNS, Costly(), payment("lunch", 14.50, card_present=True)) == []


@each_pattern
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"id": "Card Testing"}, "id"),
        ({"version": 0}, "version"),
        ({"reason": "because"}, "reason"),
        ({"score": 1.5}, "score"),
    ],
)
def test_a_pattern_that_could_not_be_stored_or_explained_is_refused(
    pattern: Pattern, fault: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        replace(pattern, **fault)
