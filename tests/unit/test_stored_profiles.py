"""Stored profiles of every version are read by this program, and give the features that it would have computed itself.

A savepoint may hold any version that was ever released, so there are samples of each in ``tests/samples``. The samples
of the present version were written by this module::

    python -m tests.unit.test_stored_profiles

A change of the stored format raises ``VERSION`` of the profile, adds the upgrade step from the version before, and adds
samples of the new one. Samples of released versions never change.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from state.kernel.sections import ProfileVersionError, Upgrade, encode_versioned, split_sections
from state.profiles import shared_profile, user_profile
from state.profiles.shared_profile import DeviceProfile, MerchantProfile, SharedProfile
from state.profiles.user_profile import UserProfile
from tests.pipeline.sent import NOW_MS, account_event, at, paid, record
from udfs.features.catalogue import DEVICE_FEATURES, MERCHANT_FEATURES, USER_FEATURES
from udfs.features.feature import Feature
from udfs.features.shared_block import DEVICE_BLOCK, MERCHANT_BLOCK, SharedPayment
from udfs.features.user_block import update_and_compute
from udfs.names import Kind
from udfs.patterns import Entity, default_patterns
from udfs.patterns.compiled import PAYMENT
from udfs.patterns.match_buffer import MatchBuffer
from udfs.pipeline import Pipeline
from udfs.records.transaction import Device, Location, Transaction

AnyProfile = UserProfile | SharedProfile

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
HOURS_BETWEEN = 11
VIENNA = {"latitude": 48.21, "longitude": 16.37, "country": "AT"}
SYDNEY = {"latitude": -33.87, "longitude": 151.21, "country": "AU"}
KINDS: Mapping[str, type[AnyProfile]] = {"user": UserProfile, "merchant": MerchantProfile, "device": DeviceProfile}
MODULES: Mapping[str, Any] = {"user": user_profile, "merchant": shared_profile, "device": shared_profile}
VERSIONS = {kind: module.VERSION for kind, module in MODULES.items()}


def records() -> list[bytes]:
    """Thirty-five days of two users, with log-ins and labels, and small payments at the end."""
    encoded = []
    for number in range(76):
        minute = 60.0 * HOURS_BETWEEN * (number - 76)
        user, merchant = "bob" if number % 4 == 3 else "alice", ("shop", "game", "shop", "bank")[number % 4]
        fields: dict[str, Any] = {
            "device": {"id": ("phone", "laptop", "phone", None)[number * 3 % 4]},
            "location": SYDNEY if number % 10 == 9 else VIENNA,
            "channel": ("pos", "web", "pos")[number % 3],
            "metadata": {"declined": number % 9 == 5},
        }
        amount = round(20.0 + 7.3 * (number * 37 % 11), 2)
        encoded.append(paid(f"p{number}", amount, minute, user=user, merchant=merchant, **fields))
        if number % 12 == 0:
            encoded.append(account_event("login", minute + 1))
        if number % 8 == 2:
            label = {
                "transaction_id": f"p{number}",
                "user_id": user,
                "merchant_id": merchant,
                "event_time": at(minute),
                "timestamp": at(minute + 60),
                "label": "fraud",
                "device_id": "phone",
            }
            encoded.append(record(Kind.LABEL, label, user))
    encoded.append(account_event("password_reset", -400))
    small: dict[str, Any] = {"card_present": False, "device": {"id": "phone"}, "channel": "web"}
    return [*encoded, *(paid(f"s{n}", 1.0, -20 + n, merchant="shop", **small) for n in range(4))]


def hot_records() -> list[bytes]:
    """Ten days of one user at one shop, a payment every five minutes, some of them hours late."""
    chance, encoded = random.Random(1), []
    for number in range(2_880):
        late = 600 if number > 1_000 and number % 50 == 0 else 0
        encoded.append(paid(f"h{number}", 10.0 + number % 90, 5.0 * (number - 2_880) - late - chance.random()))
    return encoded


@pytest.fixture(scope="module")
def fresh() -> dict[str, bytes]:
    """Profiles that this program packs, by sample name without the version."""
    return packed_profiles()


def packed_profiles() -> dict[str, bytes]:
    """Process the records and pack the profiles, by sample name without the version."""
    ordinary, hot = Pipeline(), Pipeline()
    ordinary.process(records(), NOW_MS)
    hot.process(hot_records(), NOW_MS)
    for pipeline in (ordinary, hot):
        pipeline.checkpoint(NOW_MS)
    return {
        "user": ordinary.states.users["alice"],
        "merchant": ordinary.states.merchants["shop"],
        "device": ordinary.states.devices["phone"],
        "user-hot": hot.states.users["alice"],
        "merchant-hot": hot.states.merchants["shop"],
    }


def write_samples() -> None:
    """Write the samples of the present version; never after it was released."""
    for name, packed in packed_profiles().items():
        (SAMPLES / f"{name}-v{packed[0]}.bin").write_bytes(packed)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.bin").read_bytes()


def unpack(name: str, packed: bytes) -> AnyProfile:
    return KINDS[name.partition("-")[0]].unpack(packed)


def next_features(profile: AnyProfile) -> list[dict[str, float]]:
    """The features of three more payments, the second of them late, the last after a restart."""
    return next_user_features(profile) if isinstance(profile, UserProfile) else next_shared_features(profile)


def next_user_features(profile: UserProfile) -> list[dict[str, float]]:
    rows = []
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
        rows.append(by_name(USER_FEATURES, update_and_compute([(profile, payment)])[0].tolist()))
    return rows


def next_shared_features(profile: SharedProfile) -> list[dict[str, float]]:
    block, features = (
        (MERCHANT_BLOCK, MERCHANT_FEATURES) if isinstance(profile, MerchantProfile) else (DEVICE_BLOCK, DEVICE_FEATURES)
    )
    rows = []
    for number, minute in enumerate((1.0, -10.5, 3.0)):
        profile = type(profile).unpack(profile.pack()) if number == 2 else profile
        payment = SharedPayment(at(minute), 27.3, "alice" if number else "carol", declined=False)
        rows.append(by_name(features, block.update_and_compute([(profile, payment)])[0].tolist()))
    return rows


def by_name(features: tuple[Feature, ...], row: list[float]) -> dict[str, float]:
    return {feature.name: value for feature, value in zip(features, row, strict=True)}


every_sample = pytest.mark.parametrize("name", [file.stem for file in sorted(SAMPLES.glob("*.bin"))])


def test_there_is_a_sample_of_every_version_that_is_read() -> None:
    names = ("user", "merchant", "device", "user-hot", "merchant-hot")
    expected = {
        f"{name}-v{version}": version for name in names for version in range(1, VERSIONS[name.partition("-")[0]] + 1)
    }
    assert {file.stem: file.read_bytes()[0] for file in SAMPLES.glob("*.bin")} == expected


@every_sample
def test_a_stored_profile_gives_the_features_that_this_program_computes(name: str, fresh: dict[str, bytes]) -> None:
    packed = fresh[name.rpartition("-v")[0]]
    rows, expected = next_features(unpack(name, sample(name))), next_features(unpack(name, packed))
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, nan_ok=True)


@every_sample
def test_a_stored_profile_is_packed_in_the_present_version_and_read_again(name: str) -> None:
    packed = unpack(name, sample(name)).pack()
    assert unpack(name, packed).pack() == packed
    assert packed[0] == VERSIONS[name.partition("-")[0]]


def test_the_samples_hold_something_of_everything() -> None:
    user, merchant, device = (
        next_features(unpack(name, sample(f"{name}-v1")))[0] for name in ("user", "merchant", "device")
    )
    assert user["user_declined_transaction_count_7d"] > 0
    assert user["user_place_speed"] > 0
    assert user["user_channel_share"] > 0
    assert merchant["merchant_fraud_share_30d"] > 0
    assert device["device_fraud_share_30d"] > 0
    assert all(len(unpack(name, sample(f"{name}-v1")).history.tiles[0]) > 0 for name in ("user-hot", "merchant-hot"))


def test_a_stored_user_still_knows_payments_and_goes_on_in_its_patterns() -> None:
    profile = UserProfile.unpack(sample("user-v1"))
    assert profile.has_seen("p70")
    assert profile.has_seen("s3")
    small = list(profile.progress["card_testing"][3])
    pattern = default_patterns().of(Entity.USER).by_id["card_testing"]
    MatchBuffer(pattern, profile.progress, 0).add([at(0), 1, PAYMENT, "new"], 0)
    assert profile.progress["card_testing"][3] == [*small, [at(0), 1, PAYMENT, "new"]]


def test_progress_that_a_later_program_wrote_is_refused() -> None:
    pattern = default_patterns().of(Entity.USER).patterns[0]
    with pytest.raises(ProfileVersionError, match="card_testing has format 255"):
        MatchBuffer(pattern, {"card_testing": [255, 0, 0, []]}, 0)


def test_progress_of_a_merchant_is_stored() -> None:
    profile = MerchantProfile()
    profile.progress["ring"] = [2, 0, 0, []]
    assert MerchantProfile.unpack(profile.pack()).progress == {"ring": [2, 0, 0, []]}


class RoomierMerchant(MerchantProfile):
    """A merchant with twice as many recent payments."""

    MAX_RECENT_PAYMENTS = 2 * MerchantProfile.MAX_RECENT_PAYMENTS
    __slots__ = ()


def test_a_busy_merchant_of_a_program_with_more_recent_payments_is_compacted_to_the_present_number() -> None:
    busy, count = RoomierMerchant(), RoomierMerchant.MAX_RECENT_PAYMENTS
    payments = [SharedPayment(at(number), 10.0, f"user-{number}", declined=False) for number in range(count)]
    MERCHANT_BLOCK.update_and_compute([(busy, payment) for payment in payments])
    restored = MerchantProfile.unpack(busy.pack())
    for number in range(count, count + 4):
        (row,) = MERCHANT_BLOCK.update_and_compute(
            [(restored, SharedPayment(at(number), 10.0, f"user-{number}", declined=False))]
        )
        features = by_name(MERCHANT_FEATURES, row.tolist())
        assert features["merchant_transaction_count_7d"] == number + 1
        assert features["merchant_transaction_count_1h"] == 60
    assert len(restored.history) <= MerchantProfile.MAX_RECENT_PAYMENTS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version_is_refused_with_what_to_do(kind: str, version: int) -> None:
    message = f"stored {kind} profile has version {version}, .* version {VERSIONS[kind]}: run the program that wrote it"
    with pytest.raises(ProfileVersionError, match=message):
        KINDS[kind].unpack(bytes((version,)) + sample(f"{kind}-v1")[1:])


# An older version that never was: version 0 has no account events (user) or no pattern progress (merchant, device).


def without_last(sections: list[bytes]) -> list[bytes]:
    return sections[:-1]


def with_empty_last(sections: list[bytes]) -> list[bytes]:
    return [*sections, b""]


def without_progress(sections: list[bytes]) -> list[bytes]:
    return [*sections[:2], *sections[3:]]


def with_empty_progress(sections: list[bytes]) -> list[bytes]:
    return [*sections[:2], b"", *sections[2:]]


@pytest.mark.parametrize(
    ("kind", "downgrade", "upgrade"),
    [
        ("user", without_last, with_empty_last),
        ("merchant", without_progress, with_empty_progress),
        ("device", without_progress, with_empty_progress),
    ],
)
def test_a_profile_of_an_older_version_is_upgraded_when_it_is_read(
    kind: str, downgrade: Upgrade, upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = sample(f"{kind}-v1")
    version_0 = encode_versioned(0, downgrade(split_sections(present[1:])))
    with pytest.raises(ProfileVersionError, match="has version 0, this program reads version 1"):
        KINDS[kind].unpack(version_0)
    monkeypatch.setattr(MODULES[kind], "UPGRADES", {0: upgrade})
    rows, expected = next_features(KINDS[kind].unpack(version_0)), next_features(KINDS[kind].unpack(present))
    for row, wanted in zip(rows, expected, strict=True):
        row.pop("user_account_event_count_24h", None)
        wanted.pop("user_account_event_count_24h", None)
        assert row == pytest.approx(wanted, nan_ok=True)
    packed = KINDS[kind].unpack(version_0).pack()
    assert packed[0] == 1
    with pytest.raises(ProfileVersionError, match="has version 2, this program reads versions 0 to 1"):
        KINDS[kind].unpack(bytes((2,)) + packed[1:])


if __name__ == "__main__":
    write_samples()
