"""What waits for a payment, or for event time, waits bounded and across restarts."""

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


def again(waiting: PendingMatches) -> PendingMatches:
    """After a restart."""
    return PendingMatches.unpack(waiting.pack())


def test_what_never_waited_takes_no_room() -> None:
    assert PendingMatches().pack() == b""


def test_a_match_is_taken_once_and_in_time() -> None:
    waiting = PendingMatches()
    waiting.add("alice", MATCH, 100)
    waiting.add("bob", MATCH, 100)
    assert again(waiting).pop_matches("alice", 100) == (MATCH,)
    assert waiting.pop_matches("bob", 101) == ()
    assert waiting.pop_matches("bob", 50) == ()
    assert again(waiting).pop_matches("alice", 100) == (MATCH,)


def test_it_is_come_back_to_when_event_time_has_come_so_far() -> None:
    waiting = PendingMatches()
    waiting.register_timer("alice", 100)
    waiting.register_timer("bob", 200)
    assert again(waiting).due_timers(100) == [], "an event at the watermark may still come"
    assert again(waiting).due_timers(101) == ["alice"]
    assert waiting.due_timers(101) == ["alice"]
    waiting.register_timer("alice", None)
    assert again(waiting).due_timers(300) == ["bob"]
    assert waiting.due_timers(300) == ["bob"]
    waiting.register_timer("bob", 400)
    waiting.register_timer("carol", 350)
    assert waiting.due_timers(350) == []
    assert waiting.due_timers(351) == ["carol"]
    assert waiting.due_timers(401) == ["bob", "carol"]


def test_matches_that_nobody_comes_for_are_let_go() -> None:
    waiting = PendingMatches()
    waiting.add("alice", MATCH, 100)
    waiting.due_timers(101)
    assert not waiting.has_matches


def test_the_oldest_give_way_when_there_are_too_many_and_are_counted() -> None:
    waiting = PendingMatches()
    for number in range(MAX_PENDING + 3):
        waiting.add(f"u{number}", MATCH, 100)
        waiting.register_timer(f"u{number}", 100)
    assert waiting.evicted == 6
    assert waiting.pop_matches("u0", 0) == ()
    assert waiting.pop_matches("u3", 0) == (MATCH,)
    assert len(waiting.due_timers(101)) == MAX_PENDING


def test_matches_of_one_entity_are_bounded_the_newest_stay_and_those_dropped_are_counted() -> None:
    waiting = PendingMatches()
    for number in range(MAX_MATCHES_PER_ENTITY + 3):
        waiting.add("alice", numbered(number), 100)
    assert waiting.evicted == 3
    assert again(waiting).pop_matches("alice", 0) == tuple(
        numbered(number) for number in range(3, MAX_MATCHES_PER_ENTITY + 3)
    )


def test_what_an_entity_that_gives_way_held_is_counted_match_by_match() -> None:
    waiting = PendingMatches()
    for number in range(5):
        waiting.add("alice", numbered(number), 100)
    for number in range(MAX_PENDING - 4):
        waiting.add(f"u{number}", MATCH, 100)
    assert waiting.evicted == 5
    assert waiting.pop_matches("alice", 0) == ()
    assert waiting.pop_matches("u0", 0) == (MATCH,)


def test_each_match_that_nobody_comes_for_is_let_go_at_its_own_time() -> None:
    waiting = PendingMatches()
    for until in (100, 300, 200):
        waiting.add("alice", numbered(until), until)
    waiting = again(waiting)
    waiting.due_timers(100)
    assert not waiting.changed
    waiting.due_timers(101)
    assert again(waiting).pop_matches("alice", 0) == (numbered(300), numbered(200))
    waiting.due_timers(201)
    assert again(waiting).pop_matches("alice", 0) == (numbered(300),)
    assert waiting.evicted == 0, "they had their time"


def test_what_has_not_changed_is_not_packed_again() -> None:
    waiting = PendingMatches()
    waiting.add("alice", MATCH, 100)
    waiting.register_timer("alice", 100)
    packed = waiting.pack()
    waiting.register_timer("alice", 100)
    waiting.register_timer("bob", None)
    waiting.pop_matches("bob", 0)
    waiting.due_timers(50)
    assert not waiting.changed
    assert waiting.pack() is packed


def stored() -> PendingMatches:
    """What the sample was written of: ``tests/samples/pending_matches/pending-matches-v1.bin`` is ``stored().pack()``."""
    waiting = PendingMatches()
    waiting.add("alice", Match("p", 2, ("a", "b"), 0.5, "P", "low"), 100)
    waiting.add("alice", MATCH, 200)
    waiting.register_timer("bob", 1_800_000_000_000)
    return waiting


def test_what_was_stored_in_format_1_is_read() -> None:
    waiting = PendingMatches.unpack((SAMPLES / "pending-matches-v1.bin").read_bytes())
    assert waiting.timer_of("bob") == 1_800_000_000_000
    assert waiting.pop_matches("alice", 100) == (Match("p", 2, ("a", "b"), 0.5, "P", "low"), MATCH)


def test_there_is_a_sample_of_every_format_that_is_read() -> None:
    samples = {file.stem: file.read_bytes()[0] for file in SAMPLES.glob("*.bin")}
    assert samples == {f"pending-matches-v{number}": number for number in range(1, FORMAT + 1)}


@pytest.mark.parametrize("number", [0, FORMAT + 1, 0x92])
def test_a_format_that_is_not_known_is_refused_and_not_guessed_at(number: int) -> None:
    with pytest.raises(ProfileVersionError, match=f"format {number}, this program reads {FORMAT}"):
        PendingMatches.unpack(bytes((number,)) + stored().pack()[1:])


@pytest.mark.parametrize("size", [0, 1, 9])
def test_what_is_cut_short_is_refused(size: int) -> None:
    with pytest.raises(ProfileDamagedError):
        PendingMatches.unpack(stored().pack()[:size])
