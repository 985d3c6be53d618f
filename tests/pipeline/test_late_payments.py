"""Late and out-of-order payments are decided, and set right what comes after them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.models_by_hand import SuspectsLargeAmounts
from tests.pipeline.sent import NOW_MS, decide, decisions, feature, paid, pipeline, summed
from udfs.patterns import load_patterns
from udfs.pipeline import Pipeline
from udfs.stages.merchant import MerchantOutput
from udfs.stages.stream_time import SAMPLE

SECOND = 1 / 60


def test_a_payment_is_late_only_beyond_the_disorder_that_is_allowed() -> None:
    newest, allowed, late = paid("newest", 10.0, 1), paid("allowed", 10.0, 1 - 5 * SECOND), paid("late", 10.0, 0.9)
    flags = {one.transaction_id: one.late for one in decide(pipeline(), newest, allowed, late)}
    assert flags == {"newest": False, "allowed": False, "late": True}


def test_a_late_hour_with_gaps_is_late_to_its_last_payment() -> None:
    # A payment after a long gap is ahead of what the stream believes, and late none the less.
    steady = [paid(f"steady-{number}", 10.0, 1 + number / 600) for number in range(2 * SAMPLE)]
    gaps = random.Random(5)
    times = sorted(gaps.uniform(-180, -120) for _ in range(4 * SAMPLE))
    behind = [paid(f"behind-{number}", 10.0, minutes) for number, minutes in enumerate(times)]
    flags = {one.transaction_id: one.late for one in decide(pipeline(), *steady, *behind)}
    assert {name for name, late in flags.items() if late} == {f"behind-{number}" for number in range(len(behind))}


def test_what_is_late_is_a_matter_of_its_own_partition() -> None:
    ahead = paid("ahead", 10.0, 30, user="bob", partition=1)
    behind = [paid("behind", 10.0, 0), paid("too-late", 10.0, -1)]
    late = {one.transaction_id for one in decide(pipeline(), ahead, *behind) if one.late}
    assert late == {"too-late"}


def test_a_payment_later_than_features_are_exact_for_is_decided_counted_and_flagged() -> None:
    one = pipeline(lateness_ms=30 * 60_000, model=SuspectsLargeAmounts())
    sent = [paid("newest", 10.0, 0), paid("late", 10.0, -30), paid("too-late", 10.0, -30.1)]
    taken, output = one.process(sent, NOW_MS)
    decided = {decision.transaction_id: decision for decision in decisions(output)}
    assert {name: decision.late for name, decision in decided.items()} == {
        "newest": False,
        "late": True,
        "too-late": True,
    }
    assert {name for name, decision in decided.items() if decision.degraded} == {"too-late"}
    assert (taken.late, taken.too_late) == (2, 1)
    assert (summed(output.minutes, "late"), summed(output.minutes, "too_late")) == (2, 1)


def test_how_much_disorder_is_allowed_is_an_option_of_the_stage() -> None:
    one = pipeline(out_of_orderness_ms=120_000)
    assert [decision.late for decision in decide(one, paid("a", 10.0, 2), paid("b", 10.0, 0.1))] == [False, False]


def test_a_repeated_payment_does_not_move_event_time() -> None:
    one = pipeline()
    decide(one, paid("a", 10.0, 0), paid("b", 10.0, 10))
    again, next_one = paid("a", 10.0, 60), paid("c", 10.0, 10)
    assert [decision.late for decision in decide(one, again, next_one)] == [False]


def test_a_late_payment_has_the_features_of_its_own_time_and_not_of_what_came_later() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0), paid("b", 70.0, 50)], NOW_MS)
    _, output = one.process([paid("late", 20.0, 1)], NOW_MS)
    assert feature(output, "user_amount_sum_1h") == [30.0]
    assert feature(output, "merchant_transaction_count_24h") == [2.0]


def test_a_batch_is_decided_in_order_of_event_time_and_its_merchant_sees_it_so() -> None:
    _, output = pipeline().process([paid("a", 10.0, 0), paid("b", 70.0, 50), paid("late", 20.0, 1)], NOW_MS)
    assert [payment.transaction_id for payment in output.payments] == ["a", "late", "b"]
    assert feature(output, "merchant_transaction_count_24h") == [1.0, 2.0, 3.0]
    # The user met them as they came.
    assert feature(output, "user_amount_sum_1h") == [10.0, 30.0, 80.0]


def test_small_payments_that_come_after_the_large_one_still_make_card_testing() -> None:
    small = [paid(f"test{i}", 1.0, i, card_present=False) for i in range(3)]
    actual = decide(pipeline(), small[0], small[1], paid("cash-in", 480.0, 10), small[2])
    assert {one.transaction_id: one.patterns for one in actual if one.patterns} == {"test2": ["card_testing"]}


# As if it had come in time


def history(one: Pipeline) -> None:
    """Weeks of ordinary payments, so that there is something usual."""
    for user in ("alice", "bob"):
        days = [paid(f"{user}-{day}", 20.0 + day, -1440 * day, user=user) for day in range(20, 0, -1)]
        one.process(days, NOW_MS)


def probes() -> list[bytes]:
    """Payments that look back on all that was: by each user, to each merchant, ordinary and large."""
    asked = [(user, shop, amount) for user in ("alice", "bob") for shop in ("shop", "game") for amount in (42.0, 480.0)]
    return [
        paid(f"probe-{number}", amount, 61 + number, user=user, merchant=shop, device={"id": "phone"})
        for number, (user, shop, amount) in enumerate(asked)
    ]


def probed(records: list[bytes], cut_at: int) -> MerchantOutput:
    """The output of the probes after the records, in two batches.

    Without patterns: a match is reported once, with the payment that completed it as they came.
    """
    one = pipeline(patterns=load_patterns({"version": 1, "patterns": []}))
    history(one)
    one.process(records[:cut_at], NOW_MS)
    one.process(records[cut_at:], NOW_MS)
    return one.process(probes(), NOW_MS)[1]


hour_of_payments = st.lists(
    st.tuples(
        st.integers(0, 59_999),
        st.sampled_from([0.5, 1.5, 4.0, 30.0, 250.0, 1_000.0]),
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(["shop", "game"]),
        st.sampled_from([None, "phone", "laptop"]),
        st.booleans(),
    ),
    min_size=2,
    max_size=30,
    unique_by=lambda step: step[0],
)


@settings(deadline=None, max_examples=60)
@given(hour_of_payments, st.randoms(use_true_random=False), st.integers(0, 30))
def test_after_an_hour_in_any_order_every_decision_is_as_if_all_had_come_in_time(
    steps: list[tuple[int, float, str, str, str | None, bool]], chance: random.Random, cut_at: int
) -> None:
    in_time = [
        paid(
            f"p{place}",
            amount,
            place / 1_000,
            user=user,
            merchant=merchant,
            device={"id": device},
            metadata={"declined": declined},
        )
        for place, amount, user, merchant, device, declined in sorted(steps)
    ]
    shuffled = list(in_time)
    chance.shuffle(shuffled)
    expected, actual = probed(in_time, cut_at), probed(shuffled, cut_at)
    np.testing.assert_allclose(actual.features, expected.features, rtol=1e-12)
    assert actual.decisions == expected.decisions


@pytest.mark.parametrize("lateness", [1.0, 30.0, 59.0])
def test_the_burst_is_seen_whichever_of_its_payments_comes_last(lateness: float) -> None:
    burst = [paid(f"p{i}", 10.0, 60 - lateness + i / 100) for i in range(6)]
    after = paid("after", 10.0, 60)
    actual = {}
    for name, order in (("in time", [*burst, after]), ("late", [after, *burst])):
        one = pipeline()
        decide(one, *order)
        actual[name] = decide(one, paid("next", 10.0, 60.5))
    assert actual["late"] == actual["in time"]
