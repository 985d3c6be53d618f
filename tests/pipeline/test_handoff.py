"""What a stage hands over arrives as it was, and at the shard that keeps the device or the merchant."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from state.event_time_clock import NO_WATERMARK
from tests.pipeline.sent import NOW_MS, labelled, paid, pipeline
from tests.pipeline.stages import user_stage
from tests.pipeline.traffic import traffic
from udfs.features.catalogue import DEVICE_WIDTH, USER_WIDTH
from udfs.patterns import Entity, Match, default_patterns
from udfs.pipeline import MemoryState
from udfs.records.label import Label
from udfs.stages.envelope import is_control
from udfs.stages.stage_message import (
    MAX_MESSAGE_PAYMENTS,
    Payment,
    StageMessage,
    decode_message,
    encode_message,
    in_event_time,
    partition_by_shard,
    shard_of,
)
from udfs.stages.user import UserOutput

DEVICE_SHARDS, MERCHANT_SHARDS = 3, 4
WIDTH = 5
names = st.text(max_size=20)
times = st.integers(-(2**62), 2**62)
# A score is above 0 and at most 1 (udfs/patterns/checking.py); NaN would differ from itself.
scores = st.floats(0, 1, exclude_min=True)
matches = st.builds(Match, names, st.integers(0, 99), st.lists(names, max_size=3).map(tuple), score=scores)
payments = st.builds(
    Payment,
    transaction_id=names,
    user_id=names,
    merchant_id=names,
    device_id=st.none() | names,
    amount=st.floats(0, 1e9),
    event_time=times,
    declined=st.booleans(),
    late=st.booleans(),
    matches=st.lists(matches, max_size=2).map(tuple),
    value=st.binary(max_size=50),
    too_late=st.booleans(),
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
    device_id=st.none() | names,
)


@given(
    st.integers(0, 255), times, st.lists(payments, max_size=4), st.lists(labels, max_size=3), st.integers(0, 2**32 - 1)
)
def test_what_is_sealed_is_what_is_opened(
    source: int, watermark: int, sent: list[Payment], told: list[Label], seed: int
) -> None:
    features = np.random.default_rng(seed).normal(size=(len(sent), WIDTH))
    features[features < -1] = np.nan
    handoff = StageMessage(source, watermark, sent, features.tobytes(), told)
    opened = decode_message(encode_message(handoff))
    assert opened == handoff
    np.testing.assert_array_equal(opened.matrix(WIDTH), features)


@settings(max_examples=10)
@given(payments, labels, st.integers(1, 3 * MAX_MESSAGE_PAYMENTS))
def test_a_long_batch_is_handed_over_in_parts_of_which_the_last_tells_how_far_event_time_is(
    payment: Payment, label: Label, count: int
) -> None:
    sent = [msgspec.structs.replace(payment, event_time=number) for number in range(count)]
    features = np.arange(count * WIDTH, dtype=float).reshape(count, WIDTH)
    handed_over = partition_by_shard(sent, features, [label], ([2] * count, [2]), 7, 1_000)
    assert {shard for shard, _ in handed_over} == {2}
    *parts, last = [decode_message(sealed) for _, sealed in handed_over]
    assert all(
        (part.watermark, len(part.payments), part.labels) == (NO_WATERMARK, MAX_MESSAGE_PAYMENTS, []) for part in parts
    )
    assert (last.watermark, last.labels) == (1_000, [label])
    assert 1 <= len(last.payments) <= MAX_MESSAGE_PAYMENTS
    together, matrix = in_event_time([*parts, last], WIDTH)
    assert together == sent
    np.testing.assert_array_equal(matrix, features)


@given(st.lists(payments, max_size=3))
def test_a_handoff_is_never_taken_for_a_control_record(sent: list[Payment]) -> None:
    assert not is_control(encode_message(StageMessage(0, 0, sent, b"", [])))


@given(names)
def test_a_merchant_or_device_has_one_shard(entity: str) -> None:
    assert 0 <= shard_of(entity, MERCHANT_SHARDS) == shard_of(entity, MERCHANT_SHARDS) < MERCHANT_SHARDS
    assert shard_of(entity, 1) == 0


def test_its_shard_is_fixed_for_the_life_of_the_state() -> None:
    assert [shard_of(name, 4) for name in ("shop", "game", "bank", "café")] == [2, 0, 2, 1]


@given(st.lists(st.lists(payments, max_size=4), max_size=4))
def test_of_several_handoffs_the_payments_are_put_in_order_of_event_time_with_their_features(
    sent: list[list[Payment]],
) -> None:
    handoffs: list[StageMessage] = []
    rows: dict[int, Payment] = {}
    number = 0
    for source, group in enumerate(sent):
        features = np.arange(number, number + len(group), dtype=float)[:, None] * np.ones(WIDTH)
        handoffs.append(StageMessage(source, 0, group, features.tobytes(), []))
        rows |= dict(enumerate(group, number))
        number += len(group)
    ordered, features = in_event_time(handoffs, WIDTH)
    places = features[:, 0].astype(int).tolist()
    assert features.shape == (len(rows), WIDTH)
    assert sorted(places) == sorted(rows)
    assert ordered == [rows[place] for place in places]
    # Of equal times the one that came first is first.
    assert places == sorted(places, key=lambda place: (rows[place].event_time, place))


def handed_over(records: list[bytes]) -> UserOutput:
    stage = user_stage(device_shards=DEVICE_SHARDS, merchant_shards=MERCHANT_SHARDS)
    return stage.process(2, records, MemoryState(), NOW_MS)


def as_handed_over(payment: Payment) -> Payment:
    """The payment before the stages after the user's found anything."""
    of_users = default_patterns().of(Entity.USER).by_id
    return msgspec.structs.replace(payment, matches=tuple(one for one in payment.matches if one.pattern in of_users))


@settings(deadline=None)
@given(traffic())
def test_every_payment_goes_to_its_device_or_else_to_its_merchant_with_its_own_features(records: list[bytes]) -> None:
    output = handed_over(records)
    alone = pipeline().process(records, NOW_MS)[1]
    expected = {
        payment.transaction_id: (payment, row)
        for payment, row in zip(alone.payments, alone.features[:, :USER_WIDTH].tolist(), strict=True)
    }
    seen = 0
    for shard, sealed in output.to_devices:
        handoff = decode_message(sealed)
        for payment, row in zip(handoff.payments, handoff.matrix(USER_WIDTH), strict=True):
            assert shard_of(payment.device_id or "", DEVICE_SHARDS) == shard
            assert payment == as_handed_over(expected[payment.transaction_id][0])
            np.testing.assert_array_equal(row, expected[payment.transaction_id][1])
            seen += 1
    for shard, sealed in output.to_merchants:
        handoff = decode_message(sealed)
        for payment, row in zip(handoff.payments, handoff.matrix(USER_WIDTH + DEVICE_WIDTH), strict=True):
            assert payment.device_id is None
            assert shard_of(payment.merchant_id, MERCHANT_SHARDS) == shard
            assert payment == as_handed_over(expected[payment.transaction_id][0])
            np.testing.assert_array_equal(row[:USER_WIDTH], expected[payment.transaction_id][1])
            assert np.isnan(row[USER_WIDTH:]).all()
            seen += 1
        assert all(shard_of(label.merchant_id, MERCHANT_SHARDS) == shard for label in handoff.labels)
    assert seen == len(expected) == output.transactions


@settings(deadline=None)
@given(traffic())
def test_a_shard_gets_one_handoff_a_batch_and_all_of_a_kind_carry_one_source_and_watermark(
    records: list[bytes],
) -> None:
    output = handed_over(records)
    for handoffs in (output.to_devices, output.to_merchants):
        opened = [decode_message(sealed) for _, sealed in handoffs]
        assert len({shard for shard, _ in handoffs}) == len(handoffs)
        assert {handoff.source for handoff in opened} <= {2}
        assert len({handoff.watermark for handoff in opened}) <= 1


def test_a_label_goes_to_its_merchants_shard_without_any_payment() -> None:
    output = handed_over([labelled("a", "fraud", merchant="bank")])
    ((shard, sealed),) = output.to_merchants
    assert output.to_devices == []
    assert shard == shard_of("bank", MERCHANT_SHARDS)
    assert [label.transaction_id for label in decode_message(sealed).labels] == ["a"]


def test_a_label_that_names_a_device_goes_to_its_shard_as_well() -> None:
    output = handed_over([labelled("a", "fraud", merchant="bank", device="phone")])
    ((at_devices, to_device),), ((at_merchants, to_merchant),) = output.to_devices, output.to_merchants
    assert (at_devices, at_merchants) == (shard_of("phone", DEVICE_SHARDS), shard_of("bank", MERCHANT_SHARDS))
    assert decode_message(to_device).labels == decode_message(to_merchant).labels


def test_what_nobody_needs_is_not_handed_over() -> None:
    output = handed_over([paid("a", 1.0, device={"id": "phone"})])
    assert (len(output.to_devices), output.to_merchants) == (1, [])
    output = handed_over([paid("a", 1.0)])
    assert (output.to_devices, len(output.to_merchants)) == ([], 1)
