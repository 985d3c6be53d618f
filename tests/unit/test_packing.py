"""Packed profiles: read back as written, upgraded when older, refused when unknown or damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.kernel.sections import (
    ProfileDamagedError,
    ProfileVersionError,
    join_sections,
    open_sealed,
    seal,
    split_sections,
)
from state.profiles.shared_profile import DeviceProfile, MerchantProfile
from state.profiles.user_profile import UserProfile
from tests.payments import payment
from udfs.features.user_block import update_and_compute


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_sections_come_back(sections: list[bytes]) -> None:
    assert split_sections(join_sections(sections)) == sections


def test_an_older_version_is_upgraded_step_by_step() -> None:
    upgrades = {1: lambda sections: [*sections, b"new in 2"], 2: lambda sections: [*sections, b"new in 3"]}
    assert open_sealed(seal(1, [b"old"]), "user", 3, upgrades) == [b"old", b"new in 2", b"new in 3"]


def test_an_unknown_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProfileVersionError, match="has version 9, this program reads version 1: run the program"):
        open_sealed(seal(9, []), "user", 1, {})


@pytest.mark.parametrize("kind", [UserProfile, MerchantProfile, DeviceProfile])
def test_a_profile_of_the_future_is_refused(kind: type[UserProfile | MerchantProfile | DeviceProfile]) -> None:
    with pytest.raises(ProfileVersionError):
        kind.unpack(bytes((255,)) + kind().pack()[1:])


def test_a_profile_cut_short_anywhere_is_refused() -> None:
    profile = UserProfile()
    update_and_compute([(profile, payment("a", 10.0))])
    packed = profile.pack()
    for length in range(len(packed)):
        with pytest.raises(ProfileDamagedError):
            UserProfile.unpack(packed[:length])
