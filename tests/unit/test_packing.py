"""The binary format of profiles: restored as packed, upgraded when older, refused when unknown or damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.kernel.sections import (
    ProfileDamagedError,
    ProfileVersionError,
    decode_versioned,
    encode_versioned,
    join_sections,
    split_sections,
)
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from tests.payments import payment
from udfs.features.user_block import update_and_compute


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_sections_are_restored(sections: list[bytes]) -> None:
    assert split_sections(join_sections(sections)) == sections


def test_an_older_version_is_upgraded_step_by_step() -> None:
    upgrades = {1: lambda sections: [*sections, b"new in 2"], 2: lambda sections: [*sections, b"new in 3"]}
    assert decode_versioned(encode_versioned(1, [b"old"]), "user", 3, upgrades) == [b"old", b"new in 2", b"new in 3"]


def test_a_chain_of_upgrades_with_a_gap_is_refused() -> None:
    upgrades = {1: lambda sections: sections, 3: lambda sections: sections}
    with pytest.raises(ProfileVersionError, match="has version 1, this program reads versions 3 to 4: run the program"):
        decode_versioned(encode_versioned(1, []), "user", 4, upgrades)


def test_an_unknown_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProfileVersionError, match="has version 9, this program reads version 1: run the program"):
        decode_versioned(encode_versioned(9, []), "user", 1, {})


@pytest.mark.parametrize("kind", [UserProfile, MerchantProfile, DeviceProfile])
def test_a_profile_of_the_future_is_refused(kind: type[UserProfile | MerchantProfile | DeviceProfile]) -> None:
    with pytest.raises(ProfileVersionError):
        kind.unpack(bytes((255,)) + kind().pack()[1:])


def test_a_profile_truncated_anywhere_is_refused() -> None:
    profile = UserProfile()
    update_and_compute([(profile, payment("a", 10.0))])
    packed = profile.pack()
    for length in range(len(packed)):
        with pytest.raises(ProfileDamagedError):
            UserProfile.unpack(packed[:length])
