"""Features of merchants and devices equal those of the oracle; those of hot ones are within the stated error."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kernel.times import DAY_MS
from state.profiles.shared_profile import MAX_CLEARED, DeviceProfile, MerchantProfile, SharedProfile
from state.windowing.aggregates import OUT_WIDTH
from tests.oracles.features import SHARED_WINDOWS, Payment, shared_features
from tests.property.streams import START_MS, payments
from udfs.features.catalogue import DEVICE_FEATURES, MERCHANT_FEATURES
from udfs.features.shared_block import DEVICE_BLOCK, MERCHANT_BLOCK, SharedPayment
from udfs.records.label import Label

NO_WINDOWS, NO_OUTPUT = np.empty(0, np.int64), np.empty((0, OUT_WIDTH))
BLOCKS = {MerchantProfile: (MERCHANT_BLOCK, MERCHANT_FEATURES), DeviceProfile: (DEVICE_BLOCK, DEVICE_FEATURES)}


def observe(profile: SharedProfile, payment: Payment) -> dict[str, float]:
    block, features = BLOCKS[type(profile)]
    shared = SharedPayment(payment.time, payment.amount, payment.party, payment.declined)
    row = block.update_and_compute([(profile, shared)])[0].tolist()
    return {feature.name: value for feature, value in zip(features, row, strict=True)}


@settings(deadline=None)
@given(payments(), st.data())
@pytest.mark.parametrize("kind", [MerchantProfile, DeviceProfile])
def test_a_late_payment_has_the_features_that_it_would_have_had_on_time(
    kind: type[SharedProfile], stream: list[Payment], data: st.DataObject
) -> None:
    profile = kind()
    frauds: list[int] = []
    restores = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="restored from the packed profile before")
    for number, payment in enumerate(stream):
        if number in restores:
            profile = kind.unpack(profile.pack())
        features = observe(profile, payment)
        expected = shared_features(kind.KIND, stream[:number], payment, frauds)
        assert features == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
        if payment.declined:  # as good a coin as any
            profile.label(number, payment.time, payment.time, fraud=True)
            frauds.append(payment.time)


def hot_merchant_day(seed: int, events: int, step_ms: int, users: int) -> list[Payment]:
    chance = random.Random(seed)
    moment = START_MS
    arrived = []
    for _ in range(events):
        moment += chance.randrange(2 * step_ms)
        late = chance.randrange(30_000) if chance.random() < 0.2 else 0
        party = f"user-{chance.randrange(users)}"
        arrived.append(Payment(moment - late, round(chance.lognormvariate(3, 1), 2), party, chance.random() < 0.1))
    return arrived


@pytest.mark.parametrize(("seed", "step_ms"), [(1, 1_000), (2, 20_000), (3, 300_000)])
def test_the_features_of_a_hot_merchant_are_within_the_stated_error(seed: int, step_ms: int) -> None:
    profile = MerchantProfile()
    stream = hot_merchant_day(seed, events=4_000, step_ms=step_ms, users=3_000)
    for number, payment in enumerate(stream):
        features = observe(profile, payment)
        if number < MerchantProfile.MAX_RECENT_PAYMENTS or number % 97:
            continue
        for name, length in SHARED_WINDOWS.items():
            # The start is blurred by a twelfth of the window: a count lies between those of a window that much shorter
            # and one that much longer.
            before = [one for one in stream[:number] if one.time <= payment.time]
            shorter, longer = (
                1 + sum(one.time > payment.time - length * (1 + sign / 12) for one in before) for sign in (-1, 1)
            )
            assert shorter - 1 <= features[f"merchant_transaction_count_{name}"] <= longer + 1
            users = {one.party for one in before if one.time > payment.time - length} | {payment.party}
            # Four standard errors of the sample, plus the error of late events.
            assert features[f"merchant_user_distinct_{name}"] == pytest.approx(len(users), rel=0.32, abs=2)


def test_a_hot_merchant_has_the_same_features_after_a_restore() -> None:
    in_memory, restored = MerchantProfile(), MerchantProfile()
    for number, payment in enumerate(hot_merchant_day(seed=4, events=3_000, step_ms=5_000, users=500)):
        if number % 50 == 0:
            restored = MerchantProfile.unpack(restored.pack())
        assert observe(in_memory, payment) == pytest.approx(observe(restored, payment), rel=0, abs=0, nan_ok=True)
    assert in_memory.pack() == restored.pack()


def test_the_hottest_merchant_takes_at_most_32_kilobytes_and_stops_growing() -> None:
    profile = MerchantProfile()
    chance = random.Random(5)
    sizes = []
    for number in range(150_000):  # eight days at a payment every 4.6 s, hardly any user twice
        payment = SharedPayment(START_MS + number * 4_608, 20.0, f"{chance.getrandbits(40)}", declined=False)
        profile.history.observe(payment.event_time, chance.getrandbits(64) - 2**63, 200_000, NO_WINDOWS, NO_OUTPUT)
        if number % 10_000 == 9_999:
            sizes.append(len(profile.pack()))
    assert max(sizes) <= 32 * 1024
    assert max(sizes[-3:]) <= 1.1 * max(sizes[-6:-3])


@pytest.mark.parametrize(("known_at", "share"), [(-1, 1.0), (0, 1.0), (1, 0.0)])
def test_a_payment_sees_only_the_labels_known_at_its_time_and_not_later_ones_of_its_batch(
    known_at: int, share: float
) -> None:
    profile, then = MerchantProfile(), START_MS + 8 * DAY_MS
    observe(profile, Payment(START_MS, 10.0, "alice"))
    label = Label("a", "alice", "shop", START_MS, then + known_at, "fraud")
    (row,) = MERCHANT_BLOCK.update_and_compute([(profile, SharedPayment(then, 10.0, "bob", False))], [(profile, label)])
    features = dict(zip([feature.name for feature in MERCHANT_FEATURES], row.tolist(), strict=True))
    assert (features["merchant_settled_count_30d"], features["merchant_fraud_share_30d"]) == (1.0, share)
    assert profile.fraud_times.tolist() == [START_MS]


def test_the_later_of_two_labels_known_at_the_same_time_holds() -> None:
    profile = MerchantProfile()
    fraud, cleared = (Label("a", "alice", "shop", START_MS, START_MS, label) for label in ("fraud", "legitimate"))
    assert MERCHANT_BLOCK.update_and_compute([], [(profile, fraud), (profile, cleared)]).shape == (
        0,
        MERCHANT_BLOCK.width,
    )
    assert profile.fraud_times.tolist() == []


def test_a_fraud_is_counted_once_however_often_it_is_labeled() -> None:
    profile = MerchantProfile()
    profile.label(1, START_MS, START_MS, fraud=True)
    profile.label(1, START_MS, START_MS, fraud=True)
    profile.label(2, START_MS - 5, START_MS, fraud=True)
    profile.label(3, START_MS, START_MS, fraud=False)
    assert MerchantProfile.unpack(profile.pack()).fraud_times.tolist() == [START_MS - 5, START_MS]


def test_a_payment_cleared_by_an_analyst_is_no_longer_a_fraud() -> None:
    profile = MerchantProfile()
    profile.label(1, START_MS, START_MS, fraud=True)
    profile.label(1, START_MS, START_MS, fraud=False)
    assert profile.fraud_times.tolist() == []


def label_streams() -> st.SearchStrategy[list[tuple[int, int, bool]]]:
    """Labels as payment, minutes at which each was known (no two of one payment at one time), and verdict."""
    return st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans()), max_size=12, unique_by=lambda one: one[:2]
    )


@settings(deadline=None)
@given(label_streams(), st.randoms(use_true_random=False), st.data())
def test_the_last_word_on_a_payment_holds_however_labels_arrive_and_batches_fall(
    labels: list[tuple[int, int, bool]], chance: random.Random, data: st.DataObject
) -> None:
    last = {payment: fraud for payment, _, fraud in sorted(labels)}
    expected = [START_MS + payment for payment in sorted(last) if last[payment]]
    chance.shuffle(labels)
    profile = MerchantProfile()
    while labels:
        size = data.draw(st.integers(1, len(labels)), label="labels of the batch")
        batch, labels = labels[:size], labels[size:]
        MERCHANT_BLOCK.update_and_compute(
            [],
            [
                (
                    profile,
                    Label(
                        str(payment),
                        "u",
                        "shop",
                        START_MS + payment,
                        START_MS + known,
                        "fraud" if fraud else "legitimate",
                    ),
                )
                for payment, known, fraud in batch
            ],
        )
        profile = MerchantProfile.unpack(profile.pack())
    assert profile.fraud_times.tolist() == expected


def test_frauds_that_were_stored_without_the_time_at_which_they_were_known_yield_to_any_label() -> None:
    profile = MerchantProfile()
    filtered, progress, *_ = profile._aux_state()
    old = np.array([7, 8], np.int64).tobytes(), np.array([START_MS, START_MS + 1], np.int64).tobytes()
    profile._restore_aux_state((filtered, progress, *old))
    assert profile.fraud_times.tolist() == [START_MS, START_MS + 1]
    profile.label(7, START_MS, START_MS - 1, fraud=False)
    assert MerchantProfile.unpack(profile.pack()).fraud_times.tolist() == [START_MS + 1]


def test_a_profile_remembers_a_bounded_number_of_cleared_payments_those_known_last() -> None:
    profile = MerchantProfile()
    for number in range(3 * MAX_CLEARED):
        profile.label(number, START_MS, START_MS + number, fraud=False)
    assert len(profile.pack()) < 16 * MAX_CLEARED + 200
    profile.label(3 * MAX_CLEARED - 1, START_MS, START_MS, fraud=True)
    assert profile.fraud_times.tolist() == []
