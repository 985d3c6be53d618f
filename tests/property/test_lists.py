"""Lists agree with the oracle, through checkpoints, restarts and collisions, and survive hostile records."""

from __future__ import annotations

import json
import random
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.lists import lists_at
from tests.pipeline.list_records import entry_value, list_record, listed
from tests.pipeline.sent import NOW_MS, decide, paid, pipeline
from udfs.lists import ListEntry, decode_entry, entry_key
from udfs.lists.fingerprints import Fingerprints
from udfs.lists.intervals import covering
from udfs.lists.record import FOREVER
from udfs.lists.shard_lists import ShardLists
from udfs.lists.shared_lists import SharedLists
from udfs.names import ListedEntity
from udfs.pipeline import MemoryState
from udfs.records.refusal import Refusal

LATENESS = 5
times = st.integers(0, 30)
names = st.sampled_from(["block", "allow", "suppress"])
ids = st.sampled_from(["ann", "bob", "carol"])


@st.composite
def entries(draw: st.DrawFn, entity: ListedEntity = ListedEntity.USER) -> ListEntry:
    """A record of any kind; few ids and times, so that they meet."""
    since = draw(times)
    until = draw(st.one_of(st.just(FOREVER), st.integers(since + 1, since + 10)))
    name = draw(names)
    rules = draw(st.sampled_from([(), ("one",), ("one", "two")])) if name == "suppress" else ()
    kind = draw(st.sampled_from(["entry", "entry", "entry", "removal", "tombstone"]))
    return ListEntry(name, entity, draw(ids), since, until, rules, kind == "removal", kind == "tombstone")


def held(lists: Any, event_time: int) -> dict[str, tuple[str, ...]]:
    """The lists of an entity at a time, as the oracle gives them."""
    found = {name: covering(intervals, event_time) for name, intervals in lists.items()}
    return {name: one.rules for name, one in found.items() if one is not None}


@settings(deadline=None)
@given(
    st.lists(st.one_of(entries(), st.sampled_from(["checkpoint", "restart"])), max_size=8),
    st.sampled_from([lambda one: zlib.crc32(one.encode()), lambda _: 7]),
)
def test_a_shard_agrees_with_the_oracle(steps: list[ListEntry | str], fingerprint: Any) -> None:
    state, records = MemoryState(), []
    lists = ShardLists(state)
    for step in steps:
        if isinstance(step, ListEntry):
            records.append(step)
            lists.apply(step, fingerprint(step.id))
        else:
            lists.checkpoint(-FOREVER)
            lists = ShardLists(MemoryState(state)) if step == "restart" else lists
            state = lists._state  # type: ignore[assignment] # the copy that a restart goes on with
        for entity_id in ("ann", "bob", "carol"):
            for event_time in range(0, 45, 3):
                found = held(lists.lookup(entity_id, fingerprint(entity_id)), event_time)
                assert found == lists_at(records, entity_id, event_time)


@settings(deadline=None)
@given(st.lists(entries(ListedEntity.CARD), max_size=8), st.integers(0, 40))
def test_entries_that_are_forgotten_were_over_for_every_payment_that_counts(
    records: list[ListEntry], watermark: int
) -> None:
    shared, user_state = SharedLists(10), MemoryState()
    lists = ShardLists(user_state)
    for record in records:
        assert shared.apply(record)
        lists.apply(record, zlib.crc32(record.id.encode()))
    user_state.put_many(shared.entries(watermark - LATENESS))
    lists.checkpoint(watermark - LATENESS)
    restored = SharedLists(10)
    restored.restore(user_state)
    again = ShardLists(user_state)
    for entity_id in ("ann", "bob", "carol"):
        for event_time in range(max(0, watermark - LATENESS), 45):
            expected = lists_at(records, entity_id, event_time)
            assert held(restored.lookup(ListedEntity.CARD, entity_id), event_time) == expected
            assert held(again.lookup(entity_id, zlib.crc32(entity_id.encode())), event_time) == expected


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**32 - 1) | st.integers(0, 40)), max_size=200))
def test_fingerprints_are_a_set(steps: list[tuple[bool, int]]) -> None:
    numbers = Fingerprints()
    expected: set[int] = set()
    for is_added, number in steps:
        (numbers.add if is_added else numbers.discard)(number)
        (expected.add if is_added else expected.discard)(number)
        assert (number in numbers) is is_added
        assert len(numbers) == len(expected)
    assert all(number in numbers for number in expected)
    assert numbers.some(0, 1_000) == sorted(expected)
    assert Fingerprints(numbers.pack()).some(0, 1_000) == sorted(expected)


def test_many_fingerprints_are_merged_and_found() -> None:
    rng = random.Random(1)
    numbers = Fingerprints()
    expected = {rng.getrandbits(32) for _ in range(20_000)}
    for number in expected:
        numbers.add(number)
    dropped = set(list(expected)[::3])
    for number in dropped:
        numbers.discard(number)
    others = [rng.getrandbits(32) for _ in range(20_000)]
    assert len(numbers) == len(expected - dropped) == len(numbers.pack()) // 4
    assert all(number in numbers for number in expected - dropped)
    assert [number in numbers for number in others] == [number in expected - dropped for number in others]


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.7/32", "::ffff:192.0.2.7", "192.0.2.8"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("0.0.0.0/0", "8.8.8.8", "::1"),
        ("::/0", "::1", "8.8.8.8"),
        ("::/8", "::5", "192.0.2.7"),
    ],
)
def test_an_address_is_in_its_networks_only(network: str, inside: str, outside: str) -> None:
    shared = SharedLists(10)
    assert shared.apply(ListEntry("block", ListedEntity.NETWORK, network))
    assert [list(listed) for listed in shared.lookup_address(inside)] == [["block"]]
    assert shared.lookup_address(outside) == shared.lookup_address("no address") == []
    assert shared.apply(ListEntry("block", ListedEntity.NETWORK, network, tombstone=True))
    assert shared.lookup_address(inside) == []


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["user", "card", "merchant"]), names, times, st.booleans()), max_size=6),
    st.lists(times, max_size=6),
)
def test_payments_after_all_lists_are_decided_as_those_among_them(
    changes: list[tuple[str, str, int, bool]], minutes: list[int]
) -> None:
    ids_of = {"user": "alice", "card": "card-1", "merchant": "shop"}
    of_lists = [
        (minute, listed(name, entity, ids_of[entity], minute, removed=is_removed))
        for entity, name, minute, is_removed in sorted(changes, key=lambda one: one[2])
    ]
    payments = [
        (minute + 0.5, paid(f"t{number}", 10.0, minute + 0.5, card_id="card-1"))
        for number, minute in enumerate(sorted(minutes))
    ]
    first, among = pipeline(), pipeline()
    decide(first, *(record for _, record in of_lists))
    expected = [decide(first, record)[0] for _, record in payments]
    found = [
        decision
        for _, record in sorted([*of_lists, *payments], key=lambda one: one[0])
        for decision in decide(among, record)
    ]
    assert [(one.action, one.lists, one.reasons) for one in found] == [
        (one.action, one.lists, one.reasons) for one in expected
    ]


VALUES: list[Any] = [
    *(None, True, 0, -1, 2**70, 1e308, "", " ", "x" * 5_000, "\0", "\u202e", "a\nb", [], {}, [["deep"]], ["a"] * 100),
    *("2026-01-01", "2026-01-01T00:00:00Z", "user", "RU", "10.0.0.0/33", "10.0.0.1/8", "'; drop", "\ud800"),
]


def hostile(rng: random.Random) -> tuple[bytes | None, bytes | None]:
    """A record with something wrong."""
    entity, entity_id = rng.choice([("user", "alice"), ("card", "c"), ("country", "FR"), ("network", "10.0.0.0/8")])
    value = entry_value("block", entity, entity_id)
    key = entry_key(entity, "block", entity_id)
    kind = rng.randrange(6)
    if kind == 0:
        value[rng.choice([*value, "since", "until", "rules", "removed"])] = rng.choice(VALUES)
    elif kind == 1:
        del value[rng.choice(list(value))]
    elif kind == 2:
        value[f"field-{rng.random()}"] = rng.choice(VALUES)
    elif kind == 3:
        key = rng.choice([b"", b"/", b"user", b"user/block", b"user//alice", b"USER/block/alice", rng.randbytes(20)])
    encoded = json.dumps(value).encode()
    if kind == 4:
        encoded = encoded[: rng.randrange(len(encoded))]
    elif kind == 5:
        place = rng.randrange(len(encoded))
        encoded = encoded[:place] + rng.randbytes(3) + encoded[place + 1 :]
    return rng.choice([key, key, key, None]), rng.choice([encoded, encoded, encoded, b"[" * 50_000])


def test_hostile_records_are_refused_with_a_reason_and_leave_nothing_behind() -> None:
    rng = random.Random(20)
    one = pipeline()
    decide(
        one, list_record(entry_key("user", "vip", "alice"), json.dumps(entry_value("vip", "user", "alice")).encode())
    )
    records = [hostile(rng) for _ in range(2_000)]
    refused = [record for record in records if isinstance(decode_entry(record[1], record[0]), Refusal)]
    assert len(refused) > 1_500
    tracemalloc.start()
    try:
        letters = one.process([list_record(*record) for record in refused[:1_000]], NOW_MS)[0].dead_letters
        assert len(letters) == 1_000
        assert all(letter.refusal.reason == "list_entry_invalid" and letter.refusal.detail for letter in letters)
        assert all(len(letter.refusal.detail) < 1_000 for letter in letters)
        del letters
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            one.process([list_record(*record) for record in refused[:1_000]], NOW_MS)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
    (decision,) = decide(one, paid("t1", 10.0, 1))
    assert (decision.action, decision.lists) == ("approve", ("vip:user",))
