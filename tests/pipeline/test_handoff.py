"""What the user stage hands over arrives as it was, and at the shard that keeps the merchant."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.sent import NOW_MS, labelled, paid, pipeline
from tests.pipeline.traffic import traffic
from udfs.features.catalogue import USER_WIDTH
from udfs.patterns import Match
from udfs.pipeline import MemoryState
from udfs.records.label import Label
from udfs.records.limits import Limits
from udfs.stages.envelope import is_control
from udfs.stages.handoff import Handoff, Payment, merchant_shard, open_handoff, seal_handoff
from udfs.stages.user import UserOutput, UserStage, UserStageOptions

SHARDS = 4
names = st.text(max_size=20)
times = st.integers(-(2**62), 2**62)
matches = st.builds(Match, names, st.integers(0, 99), st.lists(names, max_size=3).map(tuple))
payments = st.builds(
    Payment,
    transaction_id=names,
    user_id=names,
    merchant_id=names,
    amount=st.floats(0, 1e9),
    event_time=times,
    declined=st.booleans(),
    late=st.booleans(),
    matches=st.lists(matches, max_size=2).map(tuple),
    value=st.binary(max_size=50),
)
labels = st.builds(
    Label,
    transaction_id=names,
    user_id=names,
    merchant_id=names,
    event_time=times,
    labelled_at=times,
    verdict=st.sampled_from(["fraud", "legitimate"]),
    source=st.sampled_from(["chargeback", "analyst"]),
)


@given(
    st.integers(0, 127), times, st.lists(payments, max_size=4), st.lists(labels, max_size=3), st.integers(0, 2**32 - 1)
)
def test_what_is_sealed_is_what_is_opened(
    source: int, watermark: int, sent: list[Payment], told: list[Label], seed: int
) -> None:
    features = np.random.default_rng(seed).normal(size=(len(sent), USER_WIDTH))
    features[features < -1] = np.nan
    handoff = Handoff(source, watermark, sent, features.tobytes(), told)
    opened = open_handoff(seal_handoff(handoff))
    assert opened == handoff
    np.testing.assert_array_equal(opened.user_features(USER_WIDTH), features)


@given(st.lists(payments, max_size=3))
def test_a_handoff_is_never_taken_for_a_control_record(sent: list[Payment]) -> None:
    assert not is_control(seal_handoff(Handoff(0, 0, sent, b"", [])))


@given(names)
def test_a_merchant_has_one_shard(merchant: str) -> None:
    assert 0 <= merchant_shard(merchant, SHARDS) == merchant_shard(merchant, SHARDS) < SHARDS
    assert merchant_shard(merchant, 1) == 0


def test_a_merchants_shard_is_fixed_for_the_life_of_the_state() -> None:
    assert [merchant_shard(name, SHARDS) for name in ("shop", "game", "bank", "café")] == [2, 0, 2, 1]


def handed_over(records: list[bytes]) -> UserOutput:
    stage = UserStage(
        UserStageOptions(
            limits=Limits(), merchant_shards=SHARDS, out_of_orderness_ms=5_000, idle_ms=30_000, cached_profiles=10
        )
    )
    return stage.process(2, records, MemoryState(), NOW_MS)


@settings(deadline=None)
@given(traffic())
def test_every_payment_goes_to_its_merchants_shard_with_its_own_features(records: list[bytes]) -> None:
    output = handed_over(records)
    alone = pipeline().process(records, NOW_MS)[1]
    expected = {
        payment.transaction_id: (payment, row)
        for payment, row in zip(alone.payments, alone.features[:, :USER_WIDTH].tolist(), strict=True)
    }
    shards = [shard for shard, _ in output.handoffs]
    assert len(set(shards)) == len(shards)
    seen = 0
    for shard, sealed in output.handoffs:
        handoff = open_handoff(sealed)
        assert handoff.source == 2
        for payment, row in zip(handoff.payments, handoff.user_features(USER_WIDTH), strict=True):
            assert merchant_shard(payment.merchant_id, SHARDS) == shard
            assert payment == expected[payment.transaction_id][0]
            np.testing.assert_array_equal(row, expected[payment.transaction_id][1])
            seen += 1
        assert all(merchant_shard(label.merchant_id, SHARDS) == shard for label in handoff.labels)
    assert seen == len(expected) == output.transactions


def test_a_label_goes_to_its_merchants_shard_without_any_payment() -> None:
    ((shard, sealed),) = handed_over([labelled("a", "fraud", merchant="bank")]).handoffs
    assert shard == merchant_shard("bank", SHARDS)
    assert [label.transaction_id for label in open_handoff(sealed).labels] == ["a"]


def test_all_handoffs_of_a_batch_carry_one_watermark() -> None:
    sent = [paid("a", 1.0, 0, merchant="shop"), paid("b", 1.0, 9, merchant="bank")]
    assert len({open_handoff(sealed).watermark for _, sealed in handed_over(sent).handoffs}) == 1
