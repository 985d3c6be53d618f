"""Card testing against a slow matcher that follows the definition by trying every three small payments."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.payments import payment
from udfs.patterns.card_testing import REMEMBERED, CardTesting
from udfs.patterns.pattern import Match
from udfs.records.transaction import Transaction

PATTERN = CardTesting()


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Transaction, float]]:
    """Payments of one user with how many minutes each arrives late, never more than the pattern's hour."""
    steps = st.tuples(
        st.integers(0, 36).map(lambda five_minutes: 5 * five_minutes),
        st.sampled_from([1.0, 1.0, 5.0, 5.01, 99.99, 100.0, 500.0]),
        st.sampled_from([None, False, True]),
        st.integers(0, 60),
    )
    drawn = draw(st.lists(steps, max_size=24))
    return [
        (payment(f"t{i}", amount, minute, card_present=present), late)
        for i, (minute, amount, present, late) in enumerate(drawn)
    ]


def oracle(payments: list[Transaction]) -> dict[str, set[str]]:
    """Each large payment that completes the pattern, with the small ones that belong to it."""
    found: dict[str, set[str]] = {}
    small = [p for p in payments if p.amount <= 5.0 and p.card_present is not True]
    for large in (p for p in payments if p.amount >= 100.0):
        in_time = [p for p in small if large.event_time - 3_600_000 <= p.event_time <= large.event_time]
        for three in combinations(in_time, 3):
            times = [p.event_time for p in three]
            if max(times) - min(times) <= 1_800_000:
                found.setdefault(large.transaction_id, set()).update(p.transaction_id for p in three)
    return found


def observe(payments: list[Transaction]) -> list[Match]:
    progress: list[object] = []
    matches = [PATTERN.observe(progress, p) for p in payments if PATTERN.touches(p)]
    return [match for match in matches if match is not None]


def in_order(history: list[tuple[Transaction, float]]) -> list[Transaction]:
    return sorted((p for p, _ in history), key=lambda p: (p.event_time, p.amount))


@given(histories())
def test_in_order_each_match_is_exactly_what_the_definition_says(history: list[tuple[Transaction, float]]) -> None:
    payments = in_order(history)
    expected = oracle(payments)
    matches = observe(payments)
    assert {m.transaction_ids[-1]: set(m.transaction_ids[:-1]) for m in matches} == expected
    assert len(matches) == len(expected)


@given(histories())
def test_out_of_order_the_same_large_payments_are_reported_once_each(history: list[tuple[Transaction, float]]) -> None:
    arrived = [p for p, late in sorted(history, key=lambda pair: pair[0].event_time + 60_000 * pair[1])]
    expected = oracle(arrived)
    large = {p.transaction_id for p in arrived if p.amount >= 100.0}
    matches = observe(arrived)
    reported = [one for match in matches for one in match.transaction_ids if one in large]
    assert sorted(reported) == sorted(expected)
    for match in matches:
        named = set(match.transaction_ids)
        assert named - large <= set().union(*(expected[one] for one in named & large))
        assert all(len(named & expected[one]) >= 3 for one in named & large)


@given(histories())
def test_a_match_names_its_payments_in_the_order_of_their_times(history: list[tuple[Transaction, float]]) -> None:
    arrived = [p for p, _ in history]
    times = {p.transaction_id: p.event_time for p in arrived}
    for match in observe(arrived):
        of_match = [times[one] for one in match.transaction_ids]
        assert of_match == sorted(of_match)


def test_an_attack_is_found_in_whatever_order_it_arrives() -> None:
    attack = [payment("a", 1.0, 0), payment("b", 1.0, 1), payment("c", 2.0, 1), payment("d", 300.0, 1)]
    for arrived in permutations(attack):
        assert [match.transaction_ids for match in observe(list(arrived))] == [("a", "b", "c", "d")]


@given(histories(), st.integers(0, 2000))
def test_progress_stays_bounded_and_its_newest_payments_still_match(
    history: list[tuple[Transaction, float]], flood: int
) -> None:
    progress: list[object] = []
    for p in [p for p, _ in history] + [payment(f"flood{i}", 1.0, 181 + i / 1000) for i in range(flood)]:
        if PATTERN.touches(p):
            PATTERN.observe(progress, p)
        assert len(progress) <= REMEMBERED
    match = PATTERN.observe(progress, payment("cash-in", 100.0, 184))
    assert (match is not None) >= (flood >= 3)
