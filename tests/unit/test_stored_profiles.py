"""Profiles that an older program stored are read by this one.

A savepoint may hold any version that ever ran. The samples were written by the code of their version, from the records
below: version 1 at commit 329edad, the others at the commits that added their samples::

    one = Pipeline()
    one.process(records(), NOW_MS)
    one.checkpoint(NOW_MS)
    Path("tests/samples/user-v3.bin").write_bytes(one.user_state["alice"])
    Path("tests/samples/merchant-v3.bin").write_bytes(one.merchant_state["shop"])
    Path("tests/samples/device-v3.bin").write_bytes(one.device_state["phone"])

Those of hot keys likewise from ``hot_records``. A change of what is stored raises the version, adds the step from the
one before, and adds samples; it changes none.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from state.kernel.sections import ProfileVersionError
from state.profiles.shared_profile import DeviceProfile, MerchantProfile, SharedProfile
from state.profiles.user_profile import UserProfile
from tests.pipeline.sent import NOW_MS, at, happened, paid, record
from udfs.features.catalogue import DEVICE_FEATURES, MERCHANT_FEATURES, USER_FEATURES
from udfs.features.device import DEVICE_BLOCK
from udfs.features.feature import Feature
from udfs.features.merchant import MERCHANT_BLOCK
from udfs.features.shared import SharedPayment
from udfs.features.user import update_and_compute
from udfs.names import Kind
from udfs.patterns import Entity, default_patterns
from udfs.patterns.compiled import PAYMENT
from udfs.patterns.match_buffer import MatchBuffer
from udfs.pipeline import Pipeline
from udfs.records.transaction import Device, Location, Transaction

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
HOURS_APART = 11
VIENNA = {"latitude": 48.21, "longitude": 16.37, "country": "AT"}
SYDNEY = {"latitude": -33.87, "longitude": 151.21, "country": "AU"}
KINDS: Mapping[str, type[UserProfile | SharedProfile]] = {
    "user": UserProfile,
    "merchant": MerchantProfile,
    "device": DeviceProfile,
}


def records() -> list[bytes]:
    """Thirty-five days of two users, small payments at the end, log-ins, and the truth about some."""
    sent = []
    for number in range(76):
        minute = 60.0 * HOURS_APART * (number - 76)
        user, merchant = "bob" if number % 4 == 3 else "alice", ("shop", "game", "shop", "bank")[number % 4]
        given: dict[str, Any] = {
            "device": {"id": ("phone", "laptop", "phone", None)[number * 3 % 4]},
            "location": SYDNEY if number % 10 == 9 else VIENNA,
            "channel": ("pos", "web", "pos")[number % 3],
            "metadata": {"declined": number % 9 == 5},
        }
        amount = round(20.0 + 7.3 * (number * 37 % 11), 2)
        sent.append(paid(f"p{number}", amount, minute, user=user, merchant=merchant, **given))
        if number % 12 == 0:
            sent.append(happened("login", minute + 1))
        if number % 8 == 2:
            truth = {
                "transaction_id": f"p{number}",
                "user_id": user,
                "merchant_id": merchant,
                "event_time": at(minute),
                "timestamp": at(minute + 60),
                "label": "fraud",
                "device_id": "phone",
            }
            sent.append(record(Kind.LABEL, truth, user))
    sent.append(happened("password_reset", -400))
    small: dict[str, Any] = {"card_present": False, "device": {"id": "phone"}, "channel": "web"}
    return [*sent, *(paid(f"s{n}", 1.0, -20 + n, merchant="shop", **small) for n in range(4))]


def hot_records() -> list[bytes]:
    """Ten days of one user at one shop, a payment every five minutes, some of them hours late."""
    chance, sent = random.Random(1), []
    for number in range(2_880):
        late = 600 if number > 1_000 and number % 50 == 0 else 0
        sent.append(paid(f"h{number}", 10.0 + number % 90, 5.0 * (number - 2_880) - late - chance.random()))
    return sent


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.bin").read_bytes()


def fresh() -> Pipeline:
    """What the present code makes of the same records."""
    one = Pipeline()
    one.process(records(), NOW_MS)
    one.checkpoint(NOW_MS)
    return one


def fresh_user() -> UserProfile:
    return UserProfile.unpack(fresh().user_state["alice"])


def fresh_merchant() -> MerchantProfile:
    return MerchantProfile.unpack(fresh().merchant_state["shop"])


def fresh_device() -> DeviceProfile:
    return DeviceProfile.unpack(fresh().device_state["phone"])


def asked(profile: UserProfile) -> list[dict[str, float]]:
    """The features of three payments more, the second of them late, the last after a restart."""
    told = []
    for number, minute in enumerate((1.0, -10.5, 3.0)):
        payment = Transaction(
            transaction_id=f"more-{number}",
            user_id="alice",
            amount=27.3,
            currency="EUR",
            merchant_id="shop",
            event_time=at(minute),
            device=Device(id="laptop"),
            location=Location(48.2, 16.4, "AT"),
            channel="web",
        )
        profile = UserProfile.unpack(profile.pack()) if number == 2 else profile
        told.append(named(USER_FEATURES, update_and_compute([(profile, payment)])[0].tolist()))
    return told


def asked_shared(profile: SharedProfile) -> list[dict[str, float]]:
    """Likewise of a merchant or a device."""
    block, features = (
        (MERCHANT_BLOCK, MERCHANT_FEATURES) if isinstance(profile, MerchantProfile) else (DEVICE_BLOCK, DEVICE_FEATURES)
    )
    told = []
    for number, minute in enumerate((1.0, -10.5, 3.0)):
        profile = type(profile).unpack(profile.pack()) if number == 2 else profile
        payment = SharedPayment(at(minute), 27.3, "alice" if number else "carol", declined=False)
        told.append(named(features, block.update_and_compute([(profile, payment)])[0].tolist()))
    return told


def named(features: tuple[Feature, ...], row: list[float]) -> dict[str, float]:
    return {feature.name: value for feature, value in zip(features, row, strict=True)}


def without(rows: list[dict[str, float]], *parts: str) -> list[dict[str, float]]:
    """The features whose names hold none of the words."""
    return [{name: value for name, value in row.items() if not any(part in name for part in parts)} for row in rows]


PLACES = ("_place_", "_country_", "_channel_")
FILTERED = ("_declined_transaction_", "_declined_amount_", "_web_")
DUE = ("_settled_", "_fraud_")


def test_a_user_of_version_1_goes_on_as_if_this_program_had_known_them_but_for_places_and_channels() -> None:
    told, expected = asked(UserProfile.unpack(sample("user-v1"))), asked(fresh_user())
    unknown = (*PLACES, *FILTERED)
    assert len(without(told, *unknown)[0]) > 70
    for row, wanted in zip(without(told, *unknown), without(expected, *unknown), strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
    first = told[0]
    assert all(math.isnan(first[name]) for name in first if any(part in name for part in PLACES))
    assert told[2]["user_place_distance_last"] == 0, "and from now on they are known"


def test_a_user_of_version_1_still_knows_payments_and_the_progress_of_the_first_patterns_is_let_go() -> None:
    old = UserProfile.unpack(sample("user-v1"))
    assert old.has_seen("p70")
    assert old.has_seen("s3")
    stored = old.progress["card_testing"]
    pattern = default_patterns().of(Entity.USER).by_id["card_testing"]
    assert isinstance(stored[0], list), "a list of steps, which reached back an hour"
    MatchBuffer(pattern, old.progress, 0).add([at(0), 1, PAYMENT, "new"], 0)
    assert old.progress["card_testing"][3] == [[at(0), 1, PAYMENT, "new"]]


def test_progress_that_a_later_program_wrote_is_refused() -> None:
    pattern = default_patterns().of(Entity.USER).patterns[0]
    with pytest.raises(ProfileVersionError, match="card_testing has format 3"):
        MatchBuffer(pattern, {"card_testing": [3, 0, 0, []]}, 0)


def test_a_merchant_of_version_2_has_no_patterns_begun() -> None:
    assert MerchantProfile.unpack(sample("merchant-v2")).progress == {}


def test_progress_of_a_merchant_is_stored() -> None:
    profile = MerchantProfile()
    profile.progress["ring"] = [2, 0, 0, []]
    assert MerchantProfile.unpack(profile.pack()).progress == {"ring": [2, 0, 0, []]}


def test_a_merchant_of_version_1_goes_on_alike_but_for_what_it_had_forgotten() -> None:
    told, expected = asked_shared(MerchantProfile.unpack(sample("merchant-v1"))), asked_shared(fresh_merchant())
    for row, wanted in zip(without(told, *DUE), without(expected, *DUE), strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
    # It had kept a week and a little more: of what is due it knows the newest at most.
    settled = "merchant_settled_count_30d"
    assert [row[settled] <= wanted[settled] for row, wanted in zip(told, expected, strict=True)] == [True] * 3


def test_a_merchant_of_version_1_keeps_what_turned_out_to_be_fraud() -> None:
    old, new = MerchantProfile.unpack(sample("merchant-v1")), fresh_merchant()
    assert old.fraud_times.tolist() == new.fraud_times.tolist() != []


def test_a_user_of_version_2_goes_on_as_if_this_program_had_known_them_but_for_what_filters_let_pass() -> None:
    told, expected = asked(UserProfile.unpack(sample("user-v2"))), asked(fresh_user())
    for row, wanted in zip(without(told, *FILTERED), without(expected, *FILTERED), strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
        assert not math.isnan(row["user_place_speed"])


def test_a_user_of_version_3_goes_on_as_if_this_program_had_known_them() -> None:
    told, expected = asked(UserProfile.unpack(sample("user-v3"))), asked(fresh_user())
    for row, wanted in zip(told, expected, strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
        assert row["user_declined_transaction_count_7d"] > 0


@pytest.mark.parametrize("version", [2, 3])
def test_a_merchant_of_a_later_version_goes_on_as_if_this_program_had_known_it(version: int) -> None:
    told, expected = (
        asked_shared(MerchantProfile.unpack(sample(f"merchant-v{version}"))),
        asked_shared(fresh_merchant()),
    )
    for row, wanted in zip(told, expected, strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
        assert row["merchant_fraud_share_30d"] > 0


@pytest.mark.parametrize("version", [2, 3])
def test_a_device_of_a_later_version_goes_on_as_if_this_program_had_known_it(version: int) -> None:
    told, expected = asked_shared(DeviceProfile.unpack(sample(f"device-v{version}"))), asked_shared(fresh_device())
    for row, wanted in zip(told, expected, strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)
        assert row["device_fraud_share_30d"] > 0


@pytest.mark.parametrize("kind", ["user", "merchant"])
def test_a_hot_key_of_version_2_goes_on_as_if_this_program_had_known_it_but_for_what_tiles_blur(kind: str) -> None:
    one = Pipeline()
    one.process(hot_records(), NOW_MS)
    one.checkpoint(NOW_MS)
    fresh: UserProfile | SharedProfile
    if kind == "user":
        fresh = UserProfile.unpack(one.user_state["alice"])
    else:
        fresh = MerchantProfile.unpack(one.merchant_state["shop"])
    stored = KINDS[kind].unpack(sample(f"{kind}-hot-v2"))
    if isinstance(stored, UserProfile) and isinstance(fresh, UserProfile):
        told, expected = asked(stored)[0], asked(fresh)[0]
    elif isinstance(stored, SharedProfile) and isinstance(fresh, SharedProfile):
        told, expected = asked_shared(stored)[0], asked_shared(fresh)[0]
    longest = {"user": "30d", "merchant": "7d"}[kind]
    for what in ("transaction_count", "amount_sum"):
        for window in ("5m", "1h", "24h", "7d", longest):
            feature = f"{kind}_{what}_{window}"
            assert told[feature] == pytest.approx(expected[feature], rel=0.0 if window == "30d" else 0.1), feature
    assert KINDS[kind].unpack(stored.pack()).pack() == stored.pack()


class RoomierMerchant(MerchantProfile):
    """It keeps twice as many payments one by one."""

    PAYMENTS_KEPT = 2 * MerchantProfile.PAYMENTS_KEPT
    __slots__ = ()


def test_a_busy_merchant_of_a_program_that_kept_more_is_cut_down_to_what_is_kept_now() -> None:
    busy, kept = RoomierMerchant(), RoomierMerchant.PAYMENTS_KEPT
    payments = [SharedPayment(at(number), 10.0, f"user-{number}", declined=False) for number in range(kept)]
    MERCHANT_BLOCK.update_and_compute([(busy, payment) for payment in payments])
    read = MerchantProfile.unpack(busy.pack())
    for number in range(kept, kept + 4):
        (row,) = MERCHANT_BLOCK.update_and_compute(
            [(read, SharedPayment(at(number), 10.0, f"user-{number}", declined=False))]
        )
        told = named(MERCHANT_FEATURES, row.tolist())
        assert told["merchant_transaction_count_7d"] == number + 1
        assert told["merchant_transaction_count_1h"] == 60
    assert len(read.history) <= MerchantProfile.PAYMENTS_KEPT


@pytest.mark.parametrize("name", [file.stem for file in sorted(SAMPLES.glob("*.bin"))])
def test_what_was_read_is_stored_as_the_present_version_and_read_again(name: str) -> None:
    kind = KINDS[name.partition("-")[0]]
    stored = kind.unpack(sample(name)).pack()
    assert kind.unpack(stored).pack() == stored
    assert stored[0] == kind().pack()[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [0, 4, 255])
def test_a_version_that_is_not_known_is_refused_and_not_guessed_at(kind: str, version: int) -> None:
    newest = KINDS[kind]().pack()[0]
    with pytest.raises(
        ProfileVersionError, match=f"stored {kind} profile has version {version}, .* versions 1 to {newest}"
    ):
        KINDS[kind].unpack(bytes((version,)) + sample(f"{kind}-v2")[1:])


def test_there_is_a_sample_of_every_version_that_is_read() -> None:
    # Devices have been kept since version 2.
    wanted = {f"{kind}-v{version}" for kind in ("user", "merchant") for version in (1, 2, 3)} | {
        "device-v2",
        "device-v3",
        "user-hot-v2",
        "merchant-hot-v2",
    }
    assert {file.stem for file in SAMPLES.glob("*.bin")} == wanted
    assert {name: sample(name)[0] for name in wanted} == {name: int(name[-1]) for name in wanted}
