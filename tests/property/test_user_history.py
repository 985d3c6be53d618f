"""Features of users equal those of the oracle, in whatever order payments arrive."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.kernel.times import HOUR_MS
from state.profiles.user_profile import UserProfile
from tests.oracles.features import Payment, user_features
from tests.property.streams import payments
from udfs.features.catalogue import USER_FEATURES
from udfs.features.user_block import update_and_compute
from udfs.records.account_event import AccountEvent
from udfs.records.transaction import Device, Location, Transaction

NAMES = [feature.name for feature in USER_FEATURES]
USER_HISTORY_FEATURES = {feature.name for feature in USER_FEATURES if feature.entity == "user"}


def transaction(payment: Payment, number: int) -> Transaction:
    latitude, longitude = payment.place or (None, None)
    return Transaction(
        transaction_id=f"payment-{number}",
        user_id="alice",
        amount=payment.amount,
        currency="EUR",
        merchant_id=payment.party,
        event_time=payment.time,
        device=Device(id=payment.device),
        location=Location(latitude, longitude, payment.country),
        channel=payment.channel,
        metadata={"declined": payment.declined},
    )


def account_event(time: int) -> AccountEvent:
    return AccountEvent(user_id="alice", kind="login", event_time=time)


@settings(deadline=None)
@given(payments(), st.data())
def test_a_late_payment_has_the_features_that_it_would_have_had_on_time(
    stream: list[Payment], data: st.DataObject
) -> None:
    profile = UserProfile()
    logins: list[int] = []
    restores = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="restored from the packed profile before")
    events = data.draw(st.sets(st.integers(0, len(stream) - 1)), label="preceded by a log-in")
    for number, payment in enumerate(stream):
        if number in events:
            logins.append(payment.time - HOUR_MS // 2)
            profile.add_account_event(account_event(logins[-1]).event_time)
        if number in restores:
            profile = UserProfile.unpack(profile.pack())
        row = update_and_compute([(profile, transaction(payment, number))])[0]
        features = dict(zip(NAMES, row.tolist(), strict=True))
        expected = user_features(stream[:number], payment, logins)
        # The speed over a metre or so is exact to some 1e-9 km/h.
        assert {name: features[name] for name in USER_HISTORY_FEATURES} == pytest.approx(
            expected, rel=1e-9, abs=1e-8, nan_ok=True
        )


@settings(deadline=None, max_examples=30)
@given(payments())
def test_a_batch_gives_the_same_features_as_one_payment_at_a_time(stream: list[Payment]) -> None:
    batched, single = UserProfile(), UserProfile()
    transactions = [transaction(payment, number) for number, payment in enumerate(stream)]
    batch = update_and_compute([(batched, one) for one in transactions])
    rows = [update_and_compute([(single, one)])[0].tolist() for one in transactions]
    assert [pytest.approx(row, nan_ok=True, rel=1e-12) for row in rows] == batch.tolist()
    assert batched.pack() == single.pack()


@settings(deadline=None, max_examples=30)
@given(payments(at_most=40), st.randoms(use_true_random=False))
def test_disorder_within_the_lateness_does_not_change_the_next_payment(
    stream: list[Payment], chance: random.Random
) -> None:
    newest = max(one.time for one in stream)
    # Distinct times: payments at the same time are in order of arrival.
    span = list({payment.time: payment for payment in stream if payment.time > newest - HOUR_MS}.values())
    earlier = [payment for payment in stream if payment.time <= newest - HOUR_MS]
    in_time = sorted(span, key=lambda payment: payment.time)
    shuffled = list(span)
    chance.shuffle(shuffled)
    last = Payment(newest + 1, 42.0, "a")
    rows = []
    for order in (in_time, shuffled):
        profile = UserProfile()
        for number, payment in enumerate([*sorted(earlier, key=lambda one: one.time), *order]):
            update_and_compute([(profile, transaction(payment, number))])
        rows.append(update_and_compute([(profile, transaction(last, 999))])[0].tolist())
    assert rows[0] == pytest.approx(rows[1], nan_ok=True)
