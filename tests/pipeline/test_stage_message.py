"""Messages between stages arrive as they were sent, at the subtask that keeps the device or the merchant."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
    Routes,
    StageMessage,
    decode_message,
    encode_message,
    in_event_time,
    partition_by_subtask,
    shard_of,
)
from udfs.stages.user import UserOutput

USER_SHARDS, DEVICE_SHARDS, MERCHANT_SHARDS = 5, 3, 4
TO_DEVICES, TO_MERCHANTS = [0, 0, 1], [0, 0, 1, 1]
"""Subtask of each shard."""
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
    st.dictionaries(st.integers(0, 255), times, max_size=4),
    st.lists(payments, max_size=4),
    st.lists(labels, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_a_message_is_decoded_as_it_was_encoded(
    watermarks: dict[int, int], sent: list[Payment], labelled: list[Label], seed: int
) -> None:
    features = np.random.default_rng(seed).normal(size=(len(sent), WIDTH))
    features[features < -1] = np.nan
    message = StageMessage(watermarks, sent, features.tobytes(), labelled)
    decoded = decode_message(encode_message(message))
    assert decoded == message
    np.testing.assert_array_equal(decoded.matrix(WIDTH), features)


@settings(max_examples=10)
@given(payments, labels, st.integers(1, 3 * MAX_MESSAGE_PAYMENTS))
def test_a_long_batch_is_handed_over_in_parts_of_which_the_last_tells_how_far_event_time_is(
    payment: Payment, label: Label, count: int
) -> None:
    sent = [msgspec.structs.replace(payment, event_time=number) for number in range(count)]
    features = np.arange(count * WIDTH, dtype=float).reshape(count, WIDTH)
    messages = partition_by_subtask(sent, features, [label], ([2] * count, [2]), {7: 1_000})
    assert {subtask for subtask, _, _ in messages} == {2}
    *parts, last = [decode_message(message) for _, message, _ in messages]
    assert all((part.watermarks, len(part.payments), part.labels) == ({}, MAX_MESSAGE_PAYMENTS, []) for part in parts)
    assert (last.watermarks, last.labels) == ({7: 1_000}, [label])
    assert 1 <= len(last.payments) <= MAX_MESSAGE_PAYMENTS
    together, matrix = in_event_time([*parts, last], WIDTH)
    assert together == sent
    np.testing.assert_array_equal(matrix, features)


@given(st.lists(payments, max_size=3))
def test_a_stage_message_is_never_mistaken_for_a_control_record(sent: list[Payment]) -> None:
    assert not is_control(encode_message(StageMessage({}, sent, b"", [])))


@given(names)
def test_a_merchant_or_device_has_one_shard(entity: str) -> None:
    assert 0 <= shard_of(entity, MERCHANT_SHARDS) == shard_of(entity, MERCHANT_SHARDS) < MERCHANT_SHARDS
    assert shard_of(entity, 1) == 0


def test_its_shard_is_fixed_for_the_life_of_the_state() -> None:
    assert [shard_of(name, 4) for name in ("shop", "game", "bank", "café")] == [2, 0, 2, 1]


@given(st.lists(st.lists(payments, max_size=4), max_size=4))
def test_payments_of_several_stage_messages_are_put_in_order_of_event_time_with_their_features(
    sent: list[list[Payment]],
) -> None:
    stage_messages: list[StageMessage] = []
    rows: dict[int, Payment] = {}
    number = 0
    for source, group in enumerate(sent):
        features = np.arange(number, number + len(group), dtype=float)[:, None] * np.ones(WIDTH)
        stage_messages.append(StageMessage({source: 0}, group, features.tobytes(), []))
        rows |= dict(enumerate(group, number))
        number += len(group)
    ordered, features = in_event_time(stage_messages, WIDTH)
    places = features[:, 0].astype(int).tolist()
    assert features.shape == (len(rows), WIDTH)
    assert sorted(places) == sorted(rows)
    assert ordered == [rows[place] for place in places]
    # Of equal times the one with the smaller id is first.
    assert places == sorted(places, key=lambda place: (rows[place].event_time, rows[place].transaction_id))


def sent_on(records: list[bytes], shards: int = 1) -> UserOutput:
    states = {number: MemoryState() for number in range(shards)}
    stage = user_stage(states, shards=shards, devices=Routes(TO_DEVICES), merchants=Routes(TO_MERCHANTS))
    return stage.process(records, NOW_MS)


def as_sent(payment: Payment) -> Payment:
    """The payment before the stages after the user's found anything."""
    of_users = default_patterns().of(Entity.USER).by_id
    return msgspec.structs.replace(payment, matches=tuple(one for one in payment.matches if one.pattern in of_users))


@settings(deadline=None)
@given(traffic())
def test_every_payment_goes_to_its_device_or_else_to_its_merchant_with_its_own_features(records: list[bytes]) -> None:
    output = sent_on(records)
    alone = pipeline().process(records, NOW_MS)[1]
    expected = {
        payment.transaction_id: (payment, row)
        for payment, row in zip(alone.payments, alone.features[:, :USER_WIDTH].tolist(), strict=True)
    }
    seen = 0
    for subtask, encoded, count in output.to_devices:
        message = decode_message(encoded)
        assert len(message.payments) == count
        for payment, row in zip(message.payments, message.matrix(USER_WIDTH), strict=True):
            assert TO_DEVICES[shard_of(payment.device_id or "", DEVICE_SHARDS)] == subtask
            assert payment == as_sent(expected[payment.transaction_id][0])
            np.testing.assert_array_equal(row, expected[payment.transaction_id][1])
            seen += 1
    for subtask, encoded, count in output.to_merchants:
        message = decode_message(encoded)
        assert len(message.payments) == count
        for payment, row in zip(message.payments, message.matrix(USER_WIDTH + DEVICE_WIDTH), strict=True):
            assert payment.device_id is None
            assert TO_MERCHANTS[shard_of(payment.merchant_id, MERCHANT_SHARDS)] == subtask
            assert payment == as_sent(expected[payment.transaction_id][0])
            np.testing.assert_array_equal(row[:USER_WIDTH], expected[payment.transaction_id][1])
            assert np.isnan(row[USER_WIDTH:]).all()
            seen += 1
        assert all(TO_MERCHANTS[shard_of(label.merchant_id, MERCHANT_SHARDS)] == subtask for label in message.labels)
    assert seen == len(expected) == output.transactions


@settings(deadline=None)
@given(traffic())
def test_a_subtask_gets_one_message_a_batch_and_all_carry_the_watermarks_of_the_shards_in_it(
    records: list[bytes],
) -> None:
    output = sent_on(records, USER_SHARDS)
    decoded = [decode_message(message) for _, message, _ in (*output.to_devices, *output.to_merchants)]
    users = {payment.user_id for message in decoded for payment in message.payments}
    shards = {shard_of(user, USER_SHARDS) for user in users}
    for messages in (output.to_devices, output.to_merchants):
        decoded = [decode_message(message) for _, message, _ in messages]
        assert len({subtask for subtask, _, _ in messages}) == len(messages)
        assert all(message.watermarks.keys() == shards for message in decoded)
        assert all(message.watermarks == decoded[0].watermarks for message in decoded)


def test_a_label_goes_to_its_merchants_shard_without_any_payment() -> None:
    output = sent_on([labelled("a", "fraud", merchant="bank")])
    ((subtask, message, payments),) = output.to_merchants
    assert (output.to_devices, payments) == ([], 0)
    assert subtask == TO_MERCHANTS[shard_of("bank", MERCHANT_SHARDS)]
    assert [label.transaction_id for label in decode_message(message).labels] == ["a"]


def test_a_label_that_names_a_device_goes_to_its_shard_as_well() -> None:
    output = sent_on([labelled("a", "fraud", merchant="bank", device="phone")])
    ((at_devices, to_device, _),), ((at_merchants, to_merchant, _),) = output.to_devices, output.to_merchants
    assert at_devices == TO_DEVICES[shard_of("phone", DEVICE_SHARDS)]
    assert at_merchants == TO_MERCHANTS[shard_of("bank", MERCHANT_SHARDS)]
    assert decode_message(to_device).labels == decode_message(to_merchant).labels


def test_what_nobody_needs_is_not_sent_on() -> None:
    output = sent_on([paid("a", 1.0, device={"id": "phone"})])
    assert (len(output.to_devices), output.to_merchants) == (1, [])
    output = sent_on([paid("a", 1.0)])
    assert (output.to_devices, len(output.to_merchants)) == ([], 1)
