"""Random patterns over random events, in and out of order, compared with an oracle that tries every assignment."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from state.kernel.times import MINUTE_MS
from state.profiles.user_profile import UserProfile
from state.store.changelog import Change
from state.store.profile_store import ProfileStore
from tests.matching import OneShard
from tests.oracles.patterns import Oracle, Seen
from udfs.conditions import code_of
from udfs.features.catalogue import USER_FEATURES, USER_WIDTH
from udfs.features.user_block import PositionedAccountEvent
from udfs.names import ShardEntry
from udfs.patterns import Entity, PatternError, PatternSet, load_patterns
from udfs.patterns.match_buffer import MAX_BUFFERED_EVENTS, MatchBuffer, Progress
from udfs.patterns.pending_matches import PendingMatches
from udfs.pipeline import MemoryState
from udfs.records.account_event import AccountEvent
from udfs.records.transaction import Device, Location, Transaction
from udfs.stages.pattern_matching import PatternMatcher
from udfs.vocabulary.payment_fields import ACCOUNT_EVENT_FIELDS, KIND, PAYMENT_FIELDS

LATENESS_MS = 5 * MINUTE_MS
"""Short enough, compared with the times below, for events to be pruned while a pattern runs."""
AMOUNT = next(column for column, feature in enumerate(USER_FEATURES) if feature.name == "amount")
KINDS = ("transaction", "transaction", "transaction", "transaction", "login", "password_reset")

Event = Transaction | AccountEvent


@st.composite
def events(draw: st.DrawFn, most: int = 8) -> list[Event]:
    """Events of one user in order of arrival, each at most ``LATENESS_MS`` late; times may be equal."""
    size = draw(st.sampled_from([most, most - 1, most - 2, 2, 0]))
    span = draw(st.sampled_from([12, 30, 60]))
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, span),
                st.sampled_from(KINDS),
                st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0]),
                st.sampled_from(["AT", "AT", "DE", None]),
                st.sampled_from(["phone", "laptop", None]),
                st.sampled_from([0, 0, 5, 3, 5]),
            ),
            min_size=size,
            max_size=size,
        )
    )
    made: list[tuple[int, Event]] = []
    for number, (minute, kind, amount, country, device, late) in enumerate(drawn):
        time, place, tool = 10**12 + 2 * minute * MINUTE_MS, Location(country=country), Device(id=device)
        one: Event
        if kind == "transaction":
            one = Transaction(f"t{number}", "u", amount, "EUR", "m", time, location=place, device=tool)
        else:
            one = AccountEvent("u", kind, time, f"e{number}", place, tool)
        made.append((time + late * MINUTE_MS, one))
    return [one for _, one in sorted(made, key=lambda pair: pair[0])]


_ALONE = ("", "", "", "amount <= 3", "amount >= 3", "country == 'AT'", "not device_id == 'phone'", "is_absent(country)")


@st.composite
def steps(draw: st.DrawFn, number: int, *, first: bool, last: bool) -> dict[str, Any]:
    """A step, which the loader may refuse."""
    name, before = f"s{number}", [f"s{earlier}" for earlier in range(number)]
    step: dict[str, Any] = {"name": name}
    kinds = draw(st.sampled_from([None] * 6 + ["login", "account_event", ["transaction", "login"]]))
    if kinds is not None:
        step["kind"] = kinds
    conditions = [draw(st.sampled_from(_ALONE if kinds is None else (_ALONE[0], *_ALONE[5:])))]
    if before and draw(st.integers(0, 2)) == 0:
        other = draw(st.sampled_from([*before, "previous", "previous"]))
        asked = [f"country != {other}.country", f"device_id == {other}.device_id or is_absent({other}.device_id)"]
        asked += [f"amount > {other}.amount", f"amount >= 2 * {other}.amount"] if kinds is None else []
        conditions.append(draw(st.sampled_from(asked)))
    where = " and ".join(f"({condition})" for condition in conditions if condition)
    if where:
        step["where"] = where
    if not first and not last and draw(st.integers(0, 2)) == 0:
        return step | {"absent": True}
    step |= draw(
        st.sampled_from(
            [
                *({}, {}, {}, {"at_least": 1}, {"at_least": 2}, {"times": 2}, {"at_least": 1, "at_most": 2}),
                {"at_least": 2, "distinct": "device_id"},
            ]
        )
    )
    if not (first or last) and draw(st.integers(0, 3)) == 0:
        step["optional"] = True
    if "distinct" not in step and not (first and len(step.keys() & {"at_least", "times"}) == 0):
        step |= draw(st.sampled_from([{}, {}, {}, {"contiguity": "strict"}, {"gap": "4 min"}]))
    return step


@st.composite
def patterns(draw: st.DrawFn, *, trailing: bool = False) -> PatternSet:
    """A set of one pattern."""
    return loaded(draw(entries("random", trailing=trailing)))


@st.composite
def pairs(draw: st.DrawFn) -> PatternSet:
    """A set of two patterns, each of which may end with an absent step."""
    return loaded(*(draw(entries(name, trailing=draw(st.booleans()))) for name in ("one", "other")))


def loaded(*listed: dict[str, Any]) -> PatternSet:
    """The set of these patterns, if the loader accepts them."""
    try:
        return load_patterns(json.dumps({"version": 1, "patterns": listed}))
    except PatternError:  # a condition uses a name that its events do not have
        reject()


@st.composite
def entries(draw: st.DrawFn, name: str, *, trailing: bool) -> dict[str, Any]:
    """A pattern as written, which the loader may refuse."""
    count = draw(st.sampled_from([1, 2, 3, 3, 4]))
    listed = [draw(steps(number, first=number == 0, last=number == count - 1)) for number in range(count)]
    if trailing:
        where = draw(st.sampled_from(["", "country == 'AT'", "country == previous.country"]))
        absent = {"name": "never", "kind": ["transaction", "password_reset"], "absent": True, "within": "5 min"}
        listed.append(absent | ({"where": where} if where else {}))
    return {
        "id": name,
        "entity": "user",
        "within": draw(st.sampled_from(["8 min", "16 min", "30 min"])),
        "after_match": draw(st.sampled_from(["overlap", "skip_past_last"])),
        "score": 0.5,
        "reason": "RANDOM",
        "severity": "low",
        "steps": listed,
    }


def oracle_event(event: Event) -> Seen:
    """The event as the oracle represents it."""
    if isinstance(event, AccountEvent):
        fields = {name: field.read(event) for name, field in ACCOUNT_EVENT_FIELDS.items()}
        nothing = dict.fromkeys(PAYMENT_FIELDS, math.nan) | {"amount": math.nan}
        return Seen(event.event_id or "", event.event_time, event.kind, nothing | fields)
    values = {name: field.read(event) for name, field in {**PAYMENT_FIELDS, KIND.name: KIND}.items()} | {
        "amount": event.amount
    }
    return Seen(event.transaction_id, event.event_time, "transaction", values)


class Matcher:
    """The product's matcher over one key; ``restore`` stores its buffer and reads it back."""

    def __init__(self, pattern_set: PatternSet) -> None:
        self._patterns = pattern_set.of(Entity.USER)
        self._pattern = self._patterns.patterns[0]
        self.progress: dict[str, Progress] = {}

    def restore(self) -> None:
        self.progress = msgspec.msgpack.decode(msgspec.msgpack.encode(self.progress), type=dict[str, Progress])

    def buffer(self) -> MatchBuffer:
        return MatchBuffer(self._pattern, self.progress, LATENESS_MS)

    def arrive(self, event: Event) -> list[tuple[str, ...]]:
        if isinstance(event, AccountEvent):
            hits = [buffered for _, buffered in self._patterns.account_event_hits(event)]
        else:
            features = np.full((1, USER_WIDTH), np.nan)
            features[0, AMOUNT] = event.amount
            hits = [hit.event for hit in self._patterns.payment_hits(features, [event])]
        return [match.transaction_ids for buffered in hits for match in self.buffer().add(buffered, 0)]


def payments(matches: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The payments among the events of each match."""
    return [tuple(name for name in match if name.startswith("t")) for match in matches]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(patterns(), events(), st.data())
def test_every_arrival_makes_the_matches_that_the_definition_says(
    pattern_set: PatternSet, arrived: list[Event], data: st.DataObject
) -> None:
    oracle, matcher = Oracle(pattern_set.all[0]), Matcher(pattern_set)
    restored = data.draw(st.integers(0, len(arrived)), label="restored before")
    for number, event in enumerate(arrived):
        if number == restored:
            matcher.restore()
        assert matcher.arrive(event) == payments(oracle.arrive(oracle_event(event)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(patterns(), events())
def test_disorder_hides_no_match(pattern_set: PatternSet, arrived: list[Event]) -> None:
    """Every match of the events in order of event time is reported by its last event, whatever the order of arrival."""
    oracle, matcher = Oracle(pattern_set.all[0]), Matcher(pattern_set)
    reported: list[tuple[str, ...]] = []
    for event in arrived:
        reported += matcher.arrive(event)
        oracle.arrive(oracle_event(event))
    by_last = [match[-1] for match in reported if match]
    ends = [oracle.known[end].id for end in oracle.matches()]
    assert {end for end in ends if end.startswith("t")} <= {*by_last}
    if all(step.kinds == ("transaction",) for step in pattern_set.all[0].steps):
        assert len(set(by_last)) == len(by_last), "each is reported once"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(patterns(trailing=True), events(7), st.data())
def test_a_trailing_absence_is_reported_once_its_timer_fires(
    pattern_set: PatternSet, arrived: list[Event], data: st.DataObject
) -> None:
    oracle, matcher = Oracle(pattern_set.all[0]), Matcher(pattern_set)
    watermark = 0
    for event in arrived:
        assert matcher.arrive(event) == payments(oracle.arrive(oracle_event(event))) == []
        watermark = max(watermark, event.event_time - data.draw(st.integers(0, 10)) * MINUTE_MS)
        reported = [match.transaction_ids for match in matcher.buffer().on_watermark(watermark)]
        matcher.restore()
        assert reported == payments(oracle.on_watermark(watermark))
    due = matcher.buffer().next_timer()
    assert due is None or due >= watermark


@dataclass
class Profile:
    """A profile with progress of patterns only."""

    progress: dict[str, Progress]
    log_buffer: bytearray | None = None

    def replay(self, change: Change) -> None:
        raise AssertionError(f"there is no changelog here, but it has {change}")

    def pack(self) -> bytes:
        return msgspec.msgpack.encode(self.progress)

    @staticmethod
    def pack_all(profiles: Sequence[Profile]) -> list[bytes]:
        return [profile.pack() for profile in profiles]

    @classmethod
    def unpack(cls, packed: bytes) -> Profile:
        return cls(msgspec.msgpack.decode(packed, type=dict[str, Progress]))


class Stage:
    """The pattern matching of a stage, batch by batch; ``restart`` keeps only its state."""

    def __init__(self, pattern_set: PatternSet) -> None:
        self._patterns = pattern_set
        self._watermark = 0
        self.state = MemoryState()
        self.restart()

    def restart(self) -> None:
        store = ProfileStore(lambda: Profile({}), Profile.unpack, Profile.pack_all, 100)
        self._profiles = store.shard(0, self.state)
        pending = PendingMatches.unpack(self.state.get(ShardEntry.PENDING_MATCHES.value))
        self._shard = OneShard(self._profiles.get, pending, self._watermark)
        self._matcher = PatternMatcher(Entity.USER, LATENESS_MS)

    def process(self, batch: list[Event], watermark: int) -> list[tuple[str, tuple[str, ...]]]:
        """The matches that the payments of a batch report, in their order, each with its pattern."""
        paid = [event for event in batch if isinstance(event, Transaction)]
        features = np.full((len(paid), USER_WIDTH), np.nan)
        features[:, AMOUNT] = [one.amount for one in paid]
        account_events, before = [], 0
        for event in batch:
            if isinstance(event, AccountEvent):
                account_events.append(PositionedAccountEvent(before, UserProfile(), event))
            else:
                before += 1
        batch_matcher = self._shard.batch(self._matcher, self._patterns)
        reported = batch_matcher.observe([one.user_id for one in paid], paid, features, account_events)
        self._watermark = self._shard.watermark = watermark
        batch_matcher.on_watermark()
        key, pending = ShardEntry.PENDING_MATCHES.value, self._shard.pending
        self._profiles.checkpoint({key: pending.pack()} if pending.changed else {})
        return [(match.pattern, match.transaction_ids) for matches in reported for match in matches]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(pairs(), events(), st.data())
def test_two_patterns_in_a_stage_report_what_the_definition_says_of_each(
    pattern_set: PatternSet, arrived: list[Event], data: st.DataObject
) -> None:
    """With pruning, timers and state of the stage; matches without a payment are reported with the next one."""
    oracles, stage = [Oracle(pattern) for pattern in pattern_set.all], Stage(pattern_set)
    pending: dict[str, list[tuple[str, ...]]] = {oracle.pattern.id: [] for oracle in oracles}
    watermark = newest = 0
    while arrived:
        size = data.draw(st.integers(1, 3))
        batch, arrived = arrived[:size], arrived[size:]
        newest = max(newest, *(event.event_time for event in batch))
        watermark = max(watermark, newest - data.draw(st.integers(0, 5)) * MINUTE_MS)
        expected: dict[str, list[tuple[str, ...]]] = {name: [] for name in pending}
        for event in batch:
            for oracle in oracles:
                matches = pending[oracle.pattern.id]
                matches += payments(oracle.arrive(oracle_event(event)))
                if isinstance(event, Transaction):
                    expected[oracle.pattern.id] += matches
                    matches.clear()
        reported: dict[str, list[tuple[str, ...]]] = {name: [] for name in pending}
        for name, match in stage.process(batch, watermark):
            reported[name].append(match)
        assert reported == expected
        for oracle in oracles:
            if oracle.pattern.steps[-1].absent:
                pending[oracle.pattern.id] += payments(oracle.on_watermark(watermark))
        if data.draw(st.booleans()):
            stage.restart()


@given(patterns(), st.integers(0, 200))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_buffer_is_bounded_and_evicted_events_are_counted(pattern_set: PatternSet, count: int) -> None:
    matcher = Matcher(pattern_set)
    for number in range(count):
        matcher.arrive(Transaction(f"{number}", "u", 1.0 + number % 5, "EUR", "m", 10**12 + number))
        entry = matcher.progress.get("random", [1, 0, 0, []])
        assert len(entry[3]) <= MAX_BUFFERED_EVENTS
    buffer = matcher.buffer()
    hits = len(matcher.progress["random"][3]) + buffer.evicted
    assert hits <= count
    assert buffer.evicted == max(0, hits - MAX_BUFFERED_EVENTS)


def test_different_texts_have_different_codes() -> None:
    assert code_of("AT") != code_of("DE")
