"""What waits for a payment, or for event time, waits bounded and across restarts."""

from __future__ import annotations

from udfs.patterns.pattern import Match
from udfs.patterns.waiting import ENTITIES, Waiting

MATCH = Match("p", 1, ("a",), 0.5, "P", "low")


def again(waiting: Waiting) -> Waiting:
    """After a restart."""
    return Waiting.of(waiting.pack())


def test_what_never_waited_takes_no_room() -> None:
    assert Waiting().pack() == b""


def test_a_match_is_taken_once_and_in_time() -> None:
    waiting = Waiting()
    waiting.hold("alice", MATCH, 100)
    waiting.hold("bob", MATCH, 100)
    assert again(waiting).take("alice", 100) == (MATCH,)
    assert waiting.take("bob", 101) == ()
    assert waiting.take("bob", 50) == ()
    assert again(waiting).take("alice", 100) == (MATCH,)


def test_it_is_come_back_to_when_event_time_has_come_so_far() -> None:
    waiting = Waiting()
    waiting.wake("alice", 100)
    waiting.wake("bob", 200)
    assert again(waiting).awake(99) == []
    assert again(waiting).awake(100) == ["alice"]
    waiting.wake("alice", None)
    assert again(waiting).awake(300) == ["bob"]


def test_matches_that_nobody_comes_for_are_let_go() -> None:
    waiting = Waiting()
    waiting.hold("alice", MATCH, 100)
    waiting.awake(101)
    assert not waiting.holds_matches


def test_the_oldest_give_way_when_there_are_too_many_and_are_counted() -> None:
    waiting = Waiting()
    for number in range(ENTITIES + 3):
        waiting.hold(f"u{number}", MATCH, 100)
        waiting.wake(f"u{number}", 100)
    assert waiting.dropped == 6
    assert waiting.take("u0", 0) == ()
    assert waiting.take("u3", 0) == (MATCH,)
    assert len(waiting.awake(100)) == ENTITIES
