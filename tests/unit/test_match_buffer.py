"""The match buffer: which events are duplicates, what is pruned, when timers fire, and what a search may cost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from state.kernel.sections import ProfileVersionError
from state.kernel.times import MINUTE_MS
from state.profiles.user_profile import UserProfile
from tests.matching import OneShard, matches_one_by_one, pattern_set, with_pattern
from tests.pipeline.sent import at, paid, record
from udfs.features.catalogue import USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent
from udfs.names import Kind
from udfs.patterns import Entity, PatternSet, load_patterns
from udfs.patterns.compiled import PAYMENT, BufferedEvent, CompiledPattern
from udfs.patterns.match_buffer import FORMAT, MAX_BUFFERED_EVENTS, MatchBuffer, Progress, prune
from udfs.patterns.pending_matches import PendingMatches
from udfs.patterns.search import MAX_CANDIDATES, Budget, find_match
from udfs.records.account_event import AccountEvent
from udfs.stages import pattern_matching
from udfs.stages.pattern_matching import BatchMatcher, PatternMatcher

LATENESS_MS = 5 * MINUTE_MS
SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "match_buffer"
SMALL: dict[str, Any] = {"name": "small", "where": "amount < 1"}
LARGE: dict[str, Any] = {"name": "large", "where": "amount > 500"}
NO_CHECK: list[dict[str, Any]] = [
    {"name": "reset", "kind": "password_reset"},
    {"name": "check", "kind": "login", "absent": True, "within": "10 min"},
]


def first_pattern(patterns: PatternSet) -> CompiledPattern:
    return patterns.of(Entity.USER).patterns[0]


def account_event(kind: str, minute: float) -> PositionedAccountEvent:
    return PositionedAccountEvent(0, UserProfile(), AccountEvent("alice", kind, at(minute)))


def sent(kind: str, minute: float, event_id: str) -> bytes:
    value = {"user_id": "alice", "kind": kind, "timestamp": at(minute), "event_id": event_id}
    return record(Kind.ACCOUNT_EVENT, value, "alice")


class Profile:
    def __init__(self) -> None:
        self.progress: dict[str, Progress] = {}


def batch_matcher(
    patterns: PatternSet, profile: Profile, pending: PendingMatches
) -> tuple[PatternMatcher, BatchMatcher, OneShard]:
    matcher, shard = PatternMatcher(Entity.USER, LATENESS_MS), OneShard(lambda _: profile, pending)
    return matcher, shard.batch(matcher, patterns), shard


# Which events are the same


@pytest.mark.parametrize("entity", ["device", "merchant"])
def test_payments_of_two_users_with_the_same_id_are_two(entity: str) -> None:
    phone = {"id": "phone"}
    story = [paid("42", 0.5, 0, user="ann", device=phone), paid("42", 600.0, 1, user="bo", device=phone)]
    assert matches_one_by_one(with_pattern(SMALL, LARGE, entity=entity), story) == [("two", ("42", "42"))]


def test_a_payment_and_an_account_event_with_the_same_id_are_two() -> None:
    reset = {"name": "reset", "kind": "password_reset"}
    for story in (
        [sent("password_reset", 0, "42"), paid("42", 600.0, 1)],
        [paid("42", 600.0, 1), sent("password_reset", 0, "42")],
    ):
        later = paid("later", 5.0, 2)
        assert matches_one_by_one(with_pattern(reset, LARGE), [*story, later]) == [("two", ("42",))]


def test_an_account_event_that_is_sent_again_is_one() -> None:
    twice = {"name": "resets", "kind": "password_reset", "times": 2}
    again = [sent("password_reset", 0, "e1"), sent("password_reset", 0, "e1"), paid("a", 600.0, 1)]
    other = [sent("password_reset", 0, "e1"), sent("password_reset", 0, "e2"), paid("a", 600.0, 1)]
    assert matches_one_by_one(with_pattern(twice, LARGE), again) == []
    assert matches_one_by_one(with_pattern(twice, LARGE), other) == [("two", ("a",))]


# Pruning


def test_events_that_the_latest_possible_event_needs_are_kept_and_older_ones_are_pruned() -> None:
    pattern = first_pattern(pattern_set({"name": "one"}, {"name": "two"}, {"name": "three"}, within="8 min"))
    for first, expected in ((7.0, ["late"]), (6.9, [])):
        buffer = MatchBuffer(pattern, {}, LATENESS_MS)
        events = {"first": first, "second": first + 1, "newest": 20.0, "late": 15.0}
        matches = [buffer.add([at(minute), 7, PAYMENT, name], 0) for name, minute in events.items()]
        assert [match.transaction_ids[-1] for match in matches[-1]] == expected


def test_each_account_event_prunes_once_though_it_has_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    reset = {"name": "reset", "kind": "password_reset"}
    body = [
        {"id": name, "entity": "user", "within": "1 h", "score": 0.5, "reason": "R", "severity": "low"}
        | {"steps": [reset, LARGE]}
        for name in ("one", "other", "third")
    ]
    times: list[int] = []

    def counted(*arguments: Any) -> None:
        times.append(arguments[3])
        prune(*arguments)

    monkeypatch.setattr(pattern_matching, "prune", counted)
    patterns = load(body)
    _, batch, _ = batch_matcher(patterns, Profile(), PendingMatches())
    account_events = [account_event("password_reset", minute) for minute in (0, 1, 2)]
    batch.observe([], [], np.empty((0, USER_WIDTH)), account_events)
    assert times == [at(0), at(1), at(2)]


def load(patterns: list[dict[str, Any]]) -> PatternSet:
    return load_patterns(json.dumps({"version": 1, "patterns": patterns}))


# Timers


def test_a_timer_does_not_fire_while_an_event_may_come_that_violates_the_absence() -> None:
    pattern = first_pattern(pattern_set(*NO_CHECK))
    buffer = MatchBuffer(pattern, {}, LATENESS_MS)
    buffer.add([at(0), 1, 0, ""], 0)
    due = buffer.next_timer()
    assert due == at(10)
    assert buffer.on_watermark(due) == []
    buffer.add([due, 2, 0, ""], due)
    assert buffer.on_watermark(due + 1) == []
    buffer = MatchBuffer(pattern, {}, LATENESS_MS)
    buffer.add([at(0), 1, 0, ""], 0)
    assert len(buffer.on_watermark(due + 1)) == 1


def test_a_timer_leaves_no_entry_of_patterns_that_are_not_in_progress() -> None:
    first = {"entity": "user", "within": "1 h", "score": 0.5, "reason": "R", "severity": "low"}
    other = [{"name": "change", "kind": "email_change"}, NO_CHECK[1]]
    patterns = load([first | {"id": "one", "steps": NO_CHECK}, first | {"id": "other", "steps": other}])
    profile = Profile()
    pending = PendingMatches()
    _, batch, shard = batch_matcher(patterns, profile, pending)
    batch.observe([], [], np.empty((0, USER_WIDTH)), [account_event("password_reset", 0)])
    assert pending.changed
    pending.pack()
    shard.watermark = at(10) + 1
    batch.on_watermark()
    assert list(profile.progress) == ["one"]
    assert pending.changed
    pending.pack()
    shard.watermark = at(10) + 2
    batch.on_watermark()
    assert not pending.changed


# The budget of a search


def exhausting(last: str) -> CompiledPattern:
    """A pattern whose steps fit nearly every event, and each refers to all before it."""
    steps: list[dict[str, Any]] = []
    for number in range(6):
        earlier = " and ".join(f"amount + s{before}.amount > 0" for before in range(number))
        steps.append({"name": f"s{number}", "at_least": 1, "at_most": 9} | ({"where": earlier} if earlier else {}))
    return first_pattern(pattern_set(*steps, {"name": "end", "where": last}))


def fitting_events(pattern: CompiledPattern) -> list[BufferedEvent]:
    every = (1 << len(pattern.filters)) - 1
    return [
        [at(0) + n, every, PAYMENT, f"{n}", *(float(n + 1) for _ in pattern.buffered_names)]
        for n in range(MAX_BUFFERED_EVENTS)
    ]


def test_a_search_that_exceeds_its_budget_is_truncated_in_time_and_counted() -> None:
    pattern = exhausting("amount < s0.amount")
    buffer = MatchBuffer(pattern, {}, LATENESS_MS)
    events = fitting_events(pattern)
    started = time.process_time()
    for event in events:
        buffer.add(event, 0)
    assert time.process_time() - started < 5, "about 20 ms each"
    assert buffer.search_truncated > 0


def test_all_searches_of_one_event_share_one_budget() -> None:
    pattern = exhausting("amount < s0.amount")
    budget = Budget()
    events = fitting_events(pattern)
    for end in range(20, MAX_BUFFERED_EVENTS):
        find_match(pattern, events, 0, end, budget)
    assert budget.remaining == 0
    assert budget.truncated == MAX_BUFFERED_EVENTS - 20
    assert Budget().remaining == MAX_CANDIDATES


def test_a_truncated_search_returns_the_best_match_so_far() -> None:
    pattern = exhausting("amount > s0.amount")
    budget = Budget()
    chosen = find_match(pattern, fitting_events(pattern), 0, MAX_BUFFERED_EVENTS - 1, budget)
    assert budget.truncated == 1
    assert chosen is not None
    assert chosen[-1] == MAX_BUFFERED_EVENTS - 1
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) >= len(pattern.steps)


def test_truncated_searches_are_counted_for_the_stage_and_for_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udfs.patterns.search.Budget.__init__.__defaults__", (1,))
    patterns = pattern_set({"name": "one", "kind": "login"}, {"name": "two", "kind": "login"})
    matcher, batch, _ = batch_matcher(patterns, Profile(), PendingMatches())
    batch.observe([], [], np.empty((0, USER_WIDTH)), [account_event("login", minute) for minute in (0, 1)])
    assert matcher.search_truncated == 1
    assert patterns.search_truncated == {"two": 1}


# The stored form


def stored() -> dict[str, Progress]:
    """The progress in ``tests/samples/match_buffer/match-buffer-v1.bin``, packed with msgpack."""
    progress: dict[str, Progress] = {}
    buffer = MatchBuffer(first_pattern(pattern_set(SMALL, LARGE)), progress, LATENESS_MS)
    for minute in range(MAX_BUFFERED_EVENTS + 1):
        buffer.add([at(minute), 1, PAYMENT, f"small-{minute}"], 0)
    return progress


def test_progress_in_the_stored_format_completes_a_match() -> None:
    progress = msgspec.msgpack.decode((SAMPLES / "match-buffer-v1.bin").read_bytes(), type=dict[str, Progress])
    assert progress == stored()
    buffer = MatchBuffer(first_pattern(pattern_set(SMALL, LARGE)), progress, LATENESS_MS)
    assert buffer.evicted == 1
    (match,) = buffer.add([at(40), 2, PAYMENT, "large"], 0)
    assert match.transaction_ids == ("small-2", "large"), "the second oldest makes room for it"


def test_there_is_a_stored_sample_of_every_format() -> None:
    assert {file.stem for file in SAMPLES.glob("*.bin")} == {f"match-buffer-v{n}" for n in range(1, FORMAT + 1)}


@pytest.mark.parametrize("number", [0, FORMAT + 1])
def test_an_unknown_format_is_refused(number: int) -> None:
    progress = stored()
    progress["two"][0] = number
    with pytest.raises(ProfileVersionError, match=f"two has format {number}, this program reads {FORMAT}"):
        MatchBuffer(first_pattern(pattern_set(SMALL, LARGE)), progress, LATENESS_MS)


def test_progress_of_a_pattern_that_has_changed_begins_anew() -> None:
    progress = stored()
    MatchBuffer(first_pattern(pattern_set(SMALL, LARGE, within="2 h")), progress, LATENESS_MS)
    assert progress["two"][3] == []
