"""Payments that name a device pass the device stage between user and merchant; the others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from state.event_time_clock import NO_WATERMARK
from state.profiles.shared_profile import DeviceProfile
from tests.pipeline.sent import NOW_MS, at, feature, labelled, memory, paid, pipeline, restarted
from tests.pipeline.stages import device_stage, merchant_stage, user_stage
from udfs.features.catalogue import DEVICE_FEATURES
from udfs.pipeline import MemoryState
from udfs.stages.merchant import MerchantOutput

DAY = 24 * 60.0  # minutes
PHONE = {"id": "phone"}
DEVICE = [feature.name for feature in DEVICE_FEATURES]


def of_devices(output: MerchantOutput) -> dict[str, dict[str, float]]:
    """The device features of each payment of a batch."""
    columns = [feature(output, name) for name in DEVICE]
    return {
        payment.transaction_id: {name: column[row] for name, column in zip(DEVICE, columns, strict=True)}
        for row, payment in enumerate(output.payments)
    }


def share(output: MerchantOutput, entity: str = "device") -> list[float]:
    return feature(output, f"{entity}_fraud_share_30d")


# Features


def test_a_payment_with_a_device_counts_all_that_were_made_with_it() -> None:
    one = pipeline()
    _, output = one.process([paid("a", 10.0, 0, device=PHONE), paid("b", 5.0, 1, device=PHONE)], NOW_MS)
    computed = of_devices(output)["b"]
    assert (computed["device_transaction_count_1h"], computed["device_amount_sum_1h"]) == (2.0, 15.0)
    assert computed["device_settled_count_30d"] == 0


def test_a_payment_without_a_device_has_no_device_features_and_leaves_no_trace_there() -> None:
    one = pipeline()
    _, output = one.process([paid("with", 10.0, 0, device=PHONE), paid("without", 10.0, 1)], NOW_MS)
    computed = of_devices(output)
    assert all(math.isnan(value) for value in computed["without"].values())
    assert computed["with"]["device_transaction_count_1h"] == 1
    assert list(memory(one)[1]) == ["phone"]


def test_a_payment_without_a_device_does_not_come_to_the_device_stage() -> None:
    taken, _ = pipeline().process([paid("without", 10.0), labelled("x", "fraud")], NOW_MS)
    assert taken.to_devices == []
    assert len(taken.to_merchants) == 1


@pytest.mark.parametrize(
    "device", [None, {}, {"id": None}, {"id": ""}, {"id": "a\tb"}, {"id": "\0clock"}, {"id": "x" * 257}]
)
def test_what_cannot_be_an_id_is_no_device_and_the_payment_is_decided_all_the_same(device: object) -> None:
    one = pipeline()
    taken, output = one.process([paid("a", 10.0, device=device)], NOW_MS)
    assert (taken.dead_letters, len(output.decisions.decisions)) == ([], 1)
    assert all(math.isnan(value) for value in of_devices(output)["a"].values())
    assert memory(one)[1] == {}


def test_a_device_that_many_users_share_counts_each_of_them_once() -> None:
    users = ["alice", "bob", "carol", "alice", "bob"]
    sent = [paid(f"p{n}", 10.0, n, user=user, device=PHONE, merchant=f"m{n}") for n, user in enumerate(users)]
    _, output = pipeline().process(sent, NOW_MS)
    assert feature(output, "device_user_distinct_24h") == [1.0, 2.0, 3.0, 3.0, 3.0]
    assert feature(output, "device_transaction_count_24h") == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_devices_are_distinguished_and_so_is_a_merchant_of_the_same_name() -> None:
    sent = [paid("a", 10.0, 0, device=PHONE), paid("b", 10.0, 1, merchant="phone", device={"id": "laptop"})]
    _, output = pipeline().process([*sent, paid("c", 10.0, 2, merchant="phone", device=PHONE)], NOW_MS)
    assert feature(output, "device_transaction_count_1h") == [1.0, 1.0, 2.0]
    assert feature(output, "merchant_transaction_count_1h") == [1.0, 1.0, 2.0]


def test_the_share_that_was_declined_is_the_devices_own() -> None:
    sent = [paid(f"p{n}", 10.0, n, device=PHONE, metadata={"declined": n == 0}) for n in range(4)]
    _, output = pipeline().process(sent, NOW_MS)
    assert feature(output, "device_declined_share_1h") == [1.0, 1 / 2, 1 / 3, 1 / 4]


def test_payments_of_a_batch_meet_their_device_in_order_of_event_time() -> None:
    sent = [paid("newer", 10.0, 30, device=PHONE), paid("older", 10.0, 0, user="bob", device=PHONE)]
    computed = of_devices(pipeline().process(sent, NOW_MS)[1])
    assert {name: row["device_user_distinct_1h"] for name, row in computed.items()} == {"older": 1.0, "newer": 2.0}


# Labels


def test_a_label_teaches_the_devices_share_of_fraud_once_it_is_due() -> None:
    one = pipeline()
    one.process([paid("stolen", 90.0, -20 * DAY, device=PHONE), paid("good", 9.0, -20 * DAY + 1, device=PHONE)], NOW_MS)
    one.process([labelled("stolen", "fraud", -20 * DAY, device="phone")], NOW_MS)
    early, due = paid("early", 5.0, -13 * DAY - 1, device=PHONE), paid("due", 5.0, -13 * DAY + 1, device=PHONE)
    _, output = one.process([early, due], NOW_MS)
    assert feature(output, "device_settled_count_30d") == [0.0, 2.0]
    assert share(output) == pytest.approx([math.nan, 0.5], nan_ok=True)


def test_a_label_without_a_device_teaches_the_merchant_alone() -> None:
    one = pipeline()
    one.process([paid("stolen", 90.0, -20 * DAY, device=PHONE)], NOW_MS)
    one.process([labelled("stolen", "fraud", -20 * DAY)], NOW_MS)
    _, output = one.process([paid("a", 5.0, -10 * DAY, device=PHONE)], NOW_MS)
    assert (share(output), share(output, "merchant")) == ([0.0], [1.0])


def test_a_label_that_names_a_device_teaches_both() -> None:
    one = pipeline()
    one.process([paid("stolen", 90.0, -20 * DAY, device=PHONE)], NOW_MS)
    one.process([labelled("stolen", "fraud", -20 * DAY, device="phone")], NOW_MS)
    _, output = one.process([paid("a", 5.0, -10 * DAY, device=PHONE)], NOW_MS)
    assert (share(output), share(output, "merchant")) == ([1.0], [1.0])


def test_an_analyst_who_clears_a_payment_clears_the_device() -> None:
    one = pipeline()
    one.process([paid("suspect", 90.0, -20 * DAY, device=PHONE)], NOW_MS)
    one.process([labelled("suspect", "fraud", -20 * DAY, device="phone")], NOW_MS)
    one.process([labelled("suspect", "legitimate", -20 * DAY, device="phone")], NOW_MS)
    assert share(one.process([paid("a", 5.0, -10 * DAY, device=PHONE)], NOW_MS)[1]) == [0.0]


def test_a_label_gets_no_further_than_the_device() -> None:
    state = MemoryState()
    stage = device_stage({0: state})
    messages = [message for _, message, _ in user_stage().process([label_of_phone()], NOW_MS).to_devices]
    assert stage.process(messages, NOW_MS) == []
    stage.checkpoint(NOW_MS)
    assert DeviceProfile.unpack(state["phone"]).fraud_times.tolist() == [at(0)]


# Restarts


def test_a_device_is_remembered_across_a_restart() -> None:
    one = pipeline()
    one.process([paid("a", 10.0, 0, device=PHONE), labelled("a", "fraud", 0, device="phone")], NOW_MS)
    again = restarted(one)
    _, output = again.process([paid("b", 10.0, 1, user="bob", device=PHONE)], NOW_MS)
    assert feature(output, "device_user_distinct_1h") == [2.0]
    again.checkpoint(NOW_MS)
    assert DeviceProfile.unpack(again.states.devices["phone"]).fraud_times.tolist() == [at(0)]


# Event time


def label_of_phone() -> bytes:
    return labelled("a", "fraud", 0, device="phone")


class Stages:
    """The three stages, between which a test lets things lie."""

    def __init__(self) -> None:
        self._user, self._device = user_stage(), device_stage()
        self._merchant = merchant_stage()

    def user(self, *records: bytes) -> tuple[list[bytes], list[bytes]]:
        """What is handed to devices, and what to merchants."""
        output = self._user.process(records, NOW_MS)
        return [message for _, message, _ in output.to_devices], [message for _, message, _ in output.to_merchants]

    def device(self, messages: Sequence[bytes]) -> list[bytes]:
        return [message for _, message, _ in self._device.process(messages, NOW_MS)]

    def merchant(self, messages: Sequence[bytes]) -> MerchantOutput:
        return self._merchant.process(messages, NOW_MS)


def test_event_time_at_the_merchants_waits_for_payments_that_are_still_at_the_device_stage() -> None:
    stages = Stages()
    to_devices, to_merchants = stages.user(paid("a", 1.0, 0, device=PHONE), paid("b", 1.0, 0.01))
    known = stages.merchant([*to_merchants, *stages.device(to_devices)]).watermark
    assert known == at(0.01) - 5_000

    lying, to_merchants = stages.user(paid("c", 1.0, 10, device=PHONE), paid("d", 1.0, 60))
    assert stages.merchant(to_merchants).watermark == known
    _, to_merchants = stages.user(paid("e", 1.0, 120))
    assert stages.merchant(to_merchants).watermark == known, "it waits for as long as it takes"

    late = stages.merchant(stages.device(lying))
    assert [counted.minute for counted in late.minutes] == [at(10)], "counted in its own minute"
    assert late.watermark == at(60) - 5_000


def test_event_time_does_not_run_ahead_in_the_first_batch_of_all_either() -> None:
    """When nothing came through the device stage yet, there is nothing of it to wait for but this batch."""
    stages = Stages()
    lying, to_merchants = stages.user(paid("a", 1.0, 0, device=PHONE), paid("b", 1.0, 60))
    assert stages.merchant(to_merchants).watermark == at(0)
    assert [counted.minute for counted in stages.merchant(stages.device(lying)).minutes] == [at(0)]


def test_a_payment_that_is_late_anyway_holds_nothing_back() -> None:
    stages = Stages()
    stages.merchant(stages.user(paid("a", 1.0, 60))[1])
    _, to_merchants = stages.user(paid("late", 1.0, 0, device=PHONE), paid("b", 1.0, 61))
    assert stages.merchant(to_merchants).watermark == at(61) - 5_000


def test_where_no_payment_has_a_device_nobody_waits_for_one() -> None:
    stages = Stages()
    assert stages.merchant([]).watermark == NO_WATERMARK
    assert stages.merchant(stages.user(paid("a", 1.0, 0), paid("b", 1.0, 60))[1]).watermark == at(60) - 5_000
