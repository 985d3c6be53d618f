"""The contract of every default pattern; a new one is tested without being listed here."""

from __future__ import annotations

import random
from typing import Any, NoReturn

import msgspec
import pytest

from state.kernel.times import DAY_MS, HOUR_MS
from tests.matching import OneShard, matches_of, matches_one_by_one
from tests.payments import payment
from tests.pipeline.sent import NOW_MS, account_event, paid, restarted
from udfs.features.catalogue import USER_WIDTH
from udfs.patterns import Entity, Pattern, default_patterns
from udfs.patterns.compiled import PAYMENT, BufferedEvent, CompiledPattern
from udfs.patterns.match_buffer import MAX_BUFFERED_EVENTS, MatchBuffer, Progress
from udfs.pipeline import Pipeline
from udfs.records.account_event import KINDS
from udfs.stages.pattern_matching import PatternMatcher

DEFAULTS = default_patterns()
COMPILED = [one for entity in Entity for one in DEFAULTS.of(entity).patterns]

each_pattern = pytest.mark.parametrize("pattern", DEFAULTS.all, ids=lambda pattern: pattern.id)
each_compiled = pytest.mark.parametrize("pattern", COMPILED, ids=lambda compiled: compiled.pattern.id)


def busy_users(name: str, n: int = 300) -> list[bytes]:
    """Random events that resemble every kind of attack: bunched, round, tiny, huge, abroad, out of order."""
    chance = random.Random(name)
    sent = []
    for i in range(n):
        minute = i - chance.uniform(0, 20)
        if i % 9 == 0:
            sent.append(account_event(chance.choice(sorted(KINDS)), minute, user=chance.choice("ab")))
        place = chance.choice([(48.2, 16.4, "AT"), (48.2, 16.4, "AT"), (14.6, 121.0, "PH")])
        attributes: dict[str, Any] = {
            "card_present": chance.random() < 0.3,
            "device": {"id": "tablet"},
            "location": dict(zip(("latitude", "longitude", "country"), place, strict=True)),
            "account": {"created_at": NOW_MS - chance.choice([1, 900]) * DAY_MS, "credit_limit": 3_000},
        }
        amount = chance.choice([1.0, 4.0, 9.0, 20.0, 45.0, 100.0, 400.0, 900.0])
        user = chance.choice("abc")
        sent.append(paid(f"{name}{i}", amount, minute, user=user, merchant=f"m{chance.randrange(6)}", **attributes))
    return sent


def test_no_two_patterns_share_a_reason_and_each_follows_from_its_id() -> None:
    assert [pattern.reason for pattern in DEFAULTS.all] == [f"PATTERN_{pattern.id.upper()}" for pattern in DEFAULTS.all]


def test_all_specified_attacks_have_a_pattern() -> None:
    assert {pattern.id for pattern in DEFAULTS.all} >= {
        *("card_testing", "amount_probing", "account_takeover", "impossible_travel", "velocity_attack"),
        *("merchant_collusion", "synthetic_identity", "bust_out"),
    }


@each_pattern
def test_it_has_a_note_and_is_enabled(pattern: Pattern) -> None:
    assert pattern.note
    assert pattern.enabled


def test_a_match_lists_its_payments_in_order_of_event_time_each_once() -> None:
    one = Pipeline()
    _, output = one.process(busy_users("u"), NOW_MS)
    times = {payment.transaction_id: payment.event_time for payment in output.payments}
    matches = [match for payment in output.payments for match in payment.matches]
    assert {match.pattern for match in matches} >= {"card_testing", "velocity_attack", "impossible_travel"}
    for match in matches:
        of_match = [times[name] for name in match.transaction_ids]
        assert of_match == sorted(of_match)
        assert len(set(match.transaction_ids)) == len(match.transaction_ids) >= 1


def test_a_job_that_is_restarted_before_every_event_finds_the_same_matches() -> None:
    steady, restarting = Pipeline(), Pipeline()
    for record in busy_users("r", 120):
        restarting = restarted(restarting, rules=None)
        assert matches_of(restarting, record) == matches_of(steady, record)


def test_the_matches_of_user_patterns_do_not_depend_on_batches() -> None:
    sent = busy_users("b", 120)
    of_users = {pattern.id for pattern in DEFAULTS.all if pattern.entity == "user"}
    batched, single = matches_of(Pipeline(), *sent), matches_one_by_one(Pipeline(), sent)
    assert sorted(match for match in batched if match[0] in of_users) == sorted(
        match for match in single if match[0] in of_users
    )


@each_compiled
def test_the_buffer_stays_small_under_a_flood(pattern: CompiledPattern) -> None:
    progress: dict[str, Progress] = {}
    all_bits = sum(step.bit for step in pattern.filters)
    for i in range(500):
        event: BufferedEvent = [i, all_bits, PAYMENT, f"{i:036d}", *[1.0 for _ in pattern.buffered_names]]
        MatchBuffer(pattern, progress, HOUR_MS).add(event, 0)
    assert len(progress[pattern.pattern.id][3]) == MAX_BUFFERED_EVENTS
    assert len(msgspec.msgpack.encode(progress)) < 4_096


@each_compiled
def test_a_repeated_account_event_changes_nothing(pattern: CompiledPattern) -> None:
    progress: dict[str, Progress] = {}
    event: BufferedEvent = [0, pattern.required, 0, "a", *[1.0 for _ in pattern.buffered_names]]
    MatchBuffer(pattern, progress, 0).add(list(event), 0)
    before = msgspec.msgpack.encode(progress)
    assert MatchBuffer(pattern, progress, 0).add(list(event), 0) == []
    assert msgspec.msgpack.encode(progress) == before


def test_an_ordinary_payment_never_decodes_the_progress() -> None:
    def costly(entity_id: str) -> NoReturn:
        raise AssertionError(f"the progress of {entity_id} was decoded for a payment that is no hit")

    lunch: dict[str, Any] = {"card_present": True, "location": {"latitude": 48.2, "longitude": 16.4, "country": "AT"}}
    _, output = Pipeline().process([paid("lunch", 14.50, **lunch)], NOW_MS)
    payments = [payment("lunch", 14.50, card_present=True)]
    batch = OneShard(costly).batch(PatternMatcher(Entity.USER, HOUR_MS), DEFAULTS)
    assert batch.observe(["alice"], payments, output.features[:, :USER_WIDTH]) == [()]
