"""The catalogue: names follow from declarations, every column has a formula and says when it is absent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from state.profiles import behavior
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from state.windowing import event_schema
from tests.payments import payment
from udfs.features import user
from udfs.features.catalogue import (
    CATALOGUE,
    DEVICE_WIDTH,
    FEATURE_NAMES,
    MERCHANT_WIDTH,
    USER_FEATURES,
    USER_WIDTH,
    feature_hash,
)
from udfs.features.device import DEVICE_BLOCK
from udfs.features.feature import DAY_MS, HOUR_MS, MINUTE_MS, Feature, Velocity, window_name
from udfs.features.formulas import AT, GIVEN, fill_singles
from udfs.features.merchant import MERCHANT_BLOCK
from udfs.features.shared import SharedPayment
from udfs.features.singles import USER_SINGLES


@pytest.mark.parametrize(
    ("length", "name"),
    [(5 * MINUTE_MS, "5m"), (HOUR_MS, "1h"), (DAY_MS, "24h"), (7 * DAY_MS, "7d"), (30 * DAY_MS, "30d")],
)
def test_a_window_is_spelled_as_people_say_it(length: int, name: str) -> None:
    assert window_name(length) == name


def test_a_window_of_no_whole_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of minutes, not 1500 ms"):
        window_name(1_500)


def test_a_velocity_is_one_line_and_names_its_columns_by_rule() -> None:
    features = Velocity("device", "user", "distinct", (HOUR_MS, DAY_MS)).features()
    assert [feature.name for feature in features] == ["device_user_distinct_1h", "device_user_distinct_24h"]


def test_no_two_columns_have_one_name() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == USER_WIDTH + DEVICE_WIDTH + MERCHANT_WIDTH


def test_every_single_feature_has_a_formula_that_writes_its_column() -> None:
    assert AT._fields == tuple(feature.name for feature in USER_SINGLES)
    nobody_wrote = -12_345.678
    columns = np.full((1, 1 + len(USER_SINGLES)), nobody_wrote)
    fill_singles(
        columns,
        1,
        np.ones((1, event_schema.USER_EVENT_WIDTH), np.int64),
        np.ones((1, GIVEN)),
        np.ones((1, behavior.OUT_WIDTH)),
    )
    idle = [name for name, value in zip(AT._fields, columns[0, 1:], strict=True) if value == nobody_wrote]
    assert idle == []
    assert columns[0, 0] == nobody_wrote


def test_the_hash_follows_names_and_order() -> None:
    assert feature_hash() == feature_hash(FEATURE_NAMES)
    assert feature_hash(FEATURE_NAMES[::-1]) != feature_hash()
    assert feature_hash(FEATURE_NAMES[:-1]) != feature_hash()


def test_a_first_payment_lacks_just_what_the_catalogue_says_may_be_absent() -> None:
    row = user.update_and_compute([(UserProfile(), payment("a", 20.0))])[0]
    missing = [feature for feature, value in zip(USER_FEATURES, row, strict=True) if np.isnan(value)]
    assert missing
    assert [feature.name for feature in missing if not feature.absent] == []


def test_values_stay_within_the_declared_range() -> None:
    user_profile, device_profile, merchant_profile = UserProfile(), DeviceProfile(), MerchantProfile()
    payments = [payment(f"p-{i}", (i % 7) * 50.0, i * 37.0, card_present=bool(i % 2)) for i in range(200)]
    users = user.update_and_compute([(user_profile, one) for one in payments])
    shared = [SharedPayment(one.event_time, one.amount, "alice", one.declined) for one in payments]
    devices = DEVICE_BLOCK.update_and_compute([(device_profile, one) for one in shared])
    merchants = MERCHANT_BLOCK.update_and_compute([(merchant_profile, one) for one in shared])
    outside = [feature.name for feature, column in zip(CATALOGUE, np.hstack((users, devices, merchants)).T, strict=True)
               if _outside(feature, column)]  # fmt: skip
    assert outside == []


def _outside(feature: Feature, column: npt.NDArray[np.float64]) -> bool:
    given = column[~np.isnan(column)]
    return bool(((given < feature.low) | (given > feature.high)).any())
