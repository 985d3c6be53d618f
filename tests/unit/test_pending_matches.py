"""Pending matches and timers are bounded, expire, and survive a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from state.kernel.sections import ProfileDamagedError, ProfileVersionError
from udfs.patterns.pattern import Match
from udfs.patterns.pending_matches import FORMAT, MAX_MATCHES_PER_ENTITY, MAX_PENDING, PendingMatches

MATCH = Match("p", 1, ("a",), 0.5, "P", "low")
SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "pending_matches"


def numbered(number: int) -> Match:
    return Match("p", 1, (f"{number}",), 0.5, "P", "low")


def restarted(pending: PendingMatches) -> PendingMatches:
    """The pending matches after a restart."""
    return PendingMatches.unpack(pending.pack())


def test_no_matches_and_no_timers_take_no_bytes() -> None:
    assert PendingMatches().pack() == b""


def test_a_pending_match_is_reported_once_and_before_its_deadline() -> None:
    pending = PendingMatches()
    pending.add("alice", MATCH, 100)
    pending.add("bob", MATCH, 100)
    assert restarted(pending).pop_matches("alice", 100) == (MATCH,)
    assert pending.pop_matches("bob", 101) == ()
    assert pending.pop_matches("bob", 50) == ()
    assert restarted(pending).pop_matches("alice", 100) == (MATCH,)


def test_a_timer_is_due_when_the_watermark_has_passed_it() -> None:
    pending = PendingMatches()
    pending.register_timer("alice", 100)
    pending.register_timer("bob", 200)
    assert restarted(pending).due_timers(100) == [], "an event at the watermark may still come"
    assert restarted(pending).due_timers(101) == ["alice"]
    assert pending.due_timers(101) == ["alice"]
    pending.register_timer("alice", None)
    assert restarted(pending).due_timers(300) == ["bob"]
    assert pending.due_timers(300) == ["bob"]
    pending.register_timer("bob", 400)
    pending.register_timer("carol", 350)
    assert pending.due_timers(350) == []
    assert pending.due_timers(351) == ["carol"]
    assert pending.due_timers(401) == ["bob", "carol"]


def test_matches_without_a_payment_expire() -> None:
    pending = PendingMatches()
    pending.add("alice", MATCH, 100)
    pending.due_timers(101)
    assert not pending.has_matches


def test_the_oldest_are_evicted_when_there_are_too_many_and_are_counted() -> None:
    pending = PendingMatches()
    for number in range(MAX_PENDING + 3):
        pending.add(f"u{number}", MATCH, 100)
        pending.register_timer(f"u{number}", 100)
    assert pending.evicted == 6
    assert pending.pop_matches("u0", 0) == ()
    assert pending.pop_matches("u3", 0) == (MATCH,)
    assert len(pending.due_timers(101)) == MAX_PENDING


def test_matches_of_one_entity_are_bounded_the_newest_stay_and_evicted_ones_are_counted() -> None:
    pending = PendingMatches()
    for number in range(MAX_MATCHES_PER_ENTITY + 3):
        pending.add("alice", numbered(number), 100)
    assert pending.evicted == 3
    assert restarted(pending).pop_matches("alice", 0) == tuple(
        numbered(number) for number in range(3, MAX_MATCHES_PER_ENTITY + 3)
    )


def test_an_evicted_entity_is_counted_match_by_match() -> None:
    pending = PendingMatches()
    for number in range(5):
        pending.add("alice", numbered(number), 100)
    for number in range(MAX_PENDING - 4):
        pending.add(f"u{number}", MATCH, 100)
    assert pending.evicted == 5
    assert pending.pop_matches("alice", 0) == ()
    assert pending.pop_matches("u0", 0) == (MATCH,)


def test_each_match_without_a_payment_expires_at_its_own_deadline() -> None:
    pending = PendingMatches()
    for until in (100, 300, 200):
        pending.add("alice", numbered(until), until)
    pending = restarted(pending)
    pending.due_timers(100)
    assert not pending.changed
    pending.due_timers(101)
    assert restarted(pending).pop_matches("alice", 0) == (numbered(300), numbered(200))
    pending.due_timers(201)
    assert restarted(pending).pop_matches("alice", 0) == (numbered(300),)
    assert pending.evicted == 0, "expired, not evicted"


def test_an_unchanged_object_is_not_packed_again() -> None:
    pending = PendingMatches()
    pending.add("alice", MATCH, 100)
    pending.register_timer("alice", 100)
    packed = pending.pack()
    pending.register_timer("alice", 100)
    pending.register_timer("bob", None)
    pending.pop_matches("bob", 0)
    pending.due_timers(50)
    assert not pending.changed
    assert pending.pack() is packed


def stored() -> PendingMatches:
    """The content of the sample ``tests/samples/pending_matches/pending-matches-v1.bin``."""
    pending = PendingMatches()
    pending.add("alice", Match("p", 2, ("a", "b"), 0.5, "P", "low"), 100)
    pending.add("alice", MATCH, 200)
    pending.register_timer("bob", 1_800_000_000_000)
    return pending


def test_the_stored_format_is_read() -> None:
    packed = (SAMPLES / "pending-matches-v1.bin").read_bytes()
    assert packed == stored().pack()
    pending = PendingMatches.unpack(packed)
    assert pending.timer_of("bob") == 1_800_000_000_000
    assert pending.pop_matches("alice", 100) == (Match("p", 2, ("a", "b"), 0.5, "P", "low"), MATCH)


def test_there_is_a_stored_sample_of_every_format() -> None:
    samples = {file.stem: file.read_bytes()[0] for file in SAMPLES.glob("*.bin")}
    assert samples == {f"pending-matches-v{number}": number for number in range(1, FORMAT + 1)}


@pytest.mark.parametrize("number", [0, FORMAT + 1, 0x92])
def test_an_unknown_format_is_refused(number: int) -> None:
    with pytest.raises(ProfileVersionError, match=f"format {number}, this program reads {FORMAT}"):
        PendingMatches.unpack(bytes((number,)) + stored().pack()[1:])


@pytest.mark.parametrize("size", [0, 1, 9])
def test_truncated_bytes_are_refused(size: int) -> None:
    with pytest.raises(ProfileDamagedError):
        PendingMatches.unpack(stored().pack()[:size])
