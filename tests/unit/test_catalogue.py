"""The catalogue: names and order follow from the declarations, and the hash from both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from state.kernel.times import DAY_MS, HOUR_MS, MINUTE_MS
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from tests.payments import payment
from udfs.features.catalogue import (
    CATALOGUE,
    DEVICE_FEATURES,
    DEVICE_WIDTH,
    FEATURE_NAMES,
    MERCHANT_WIDTH,
    USER_FEATURES,
    USER_WIDTH,
    feature_hash,
)
from udfs.features.feature import Feature, window_name
from udfs.features.shared_block import DEVICE_BLOCK, MERCHANT_BLOCK, SharedPayment
from udfs.features.user_block import update_and_compute
from udfs.features.velocity import Aggregate, Velocity


@pytest.mark.parametrize(
    ("length", "name"),
    [(5 * MINUTE_MS, "5m"), (HOUR_MS, "1h"), (DAY_MS, "24h"), (7 * DAY_MS, "7d"), (30 * DAY_MS, "30d")],
)
def test_a_window_is_named_as_people_say_it(length: int, name: str) -> None:
    assert window_name(length) == name


def test_a_window_of_no_whole_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of minutes, not 1500 ms"):
        window_name(1_500)


def test_a_velocity_is_one_line_and_names_its_columns_by_rule() -> None:
    features = Velocity("device", "user", "distinct", (HOUR_MS, DAY_MS)).features()
    assert [feature.name for feature in features] == ["device_user_distinct_1h", "device_user_distinct_24h"]


@pytest.mark.parametrize(
    ("entity", "measure", "aggregate", "possible"),
    [
        ("user", "device", "distinct", "merchant"),
        ("merchant", "merchant", "distinct", "user"),
        ("user", "merchant", "sum", "amount"),
        ("user", "amount", "count", "transaction"),
        ("device", "transaction", "share", "declined"),
    ],
)
def test_a_velocity_that_profiles_cannot_compute_is_refused(
    entity: str, measure: str, aggregate: Aggregate, possible: str
) -> None:
    with pytest.raises(ValueError, match=f"{aggregate} of a {entity} is computed of {possible}, not of {measure}"):
        Velocity(entity, measure, aggregate, (HOUR_MS,))


def test_no_two_columns_have_one_name() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == USER_WIDTH + DEVICE_WIDTH + MERCHANT_WIDTH


def test_each_block_has_the_width_of_its_declarations() -> None:
    assert (DEVICE_BLOCK.width, MERCHANT_BLOCK.width) == (DEVICE_WIDTH, MERCHANT_WIDTH)


def test_every_feature_of_a_device_is_absent_without_one() -> None:
    assert all(feature.absent.startswith("device.id not given") for feature in DEVICE_FEATURES)


def test_the_hash_follows_names_and_order() -> None:
    assert feature_hash() == feature_hash(FEATURE_NAMES)
    assert feature_hash(FEATURE_NAMES[::-1]) != feature_hash()
    assert feature_hash(FEATURE_NAMES[:-1]) != feature_hash()


def test_a_first_payment_lacks_just_what_the_catalogue_says_may_be_absent() -> None:
    row = update_and_compute([(UserProfile(), payment("a", 20.0))])[0]
    missing = [feature for feature, value in zip(USER_FEATURES, row, strict=True) if np.isnan(value)]
    assert missing
    assert [feature.name for feature in missing if not feature.absent] == []


def test_values_stay_within_the_declared_range() -> None:
    user_profile, device_profile, merchant_profile = UserProfile(), DeviceProfile(), MerchantProfile()
    payments = [payment(f"p-{i}", (i % 7) * 50.0, i * 37.0, card_present=bool(i % 2)) for i in range(200)]
    users = update_and_compute([(user_profile, one) for one in payments])
    shared = [SharedPayment(one.event_time, one.amount, "alice", one.declined) for one in payments]
    devices = DEVICE_BLOCK.update_and_compute([(device_profile, one) for one in shared])
    merchants = MERCHANT_BLOCK.update_and_compute([(merchant_profile, one) for one in shared])
    columns = np.hstack((users, devices, merchants)).T
    assert [feature.name for feature, column in zip(CATALOGUE, columns, strict=True) if _outside(feature, column)] == []


def _outside(feature: Feature, column: npt.NDArray[np.float64]) -> bool:
    present = column[~np.isnan(column)]
    return bool(((present < feature.low) | (present > feature.high)).any())
