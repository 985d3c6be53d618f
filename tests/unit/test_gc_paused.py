"""The garbage collector is out of the way while rules are read, and never stays away."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from udfs.rules.gc_paused import gc_paused


@pytest.fixture(autouse=True)
def on_again() -> Iterator[None]:
    """Whatever a test does."""
    yield
    gc.enable()


def test_it_pauses_and_goes_on() -> None:
    with gc_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_a_failure_and_can_be_paused_again() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="bad rules"), gc_paused():
            raise ValueError("bad rules")
        assert gc.isenabled()


def test_who_does_without_it_still_does_afterwards() -> None:
    gc.disable()
    with gc_paused():
        assert not gc.isenabled()
    assert not gc.isenabled()
