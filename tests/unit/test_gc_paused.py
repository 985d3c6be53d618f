"""The garbage collector is paused while rules are loaded, and enabled again afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from udfs.gc_paused import gc_paused


@pytest.fixture(autouse=True)
def enabled_again() -> Iterator[None]:
    """Enable the collector after each test."""
    yield
    gc.enable()


def test_it_pauses_and_resumes() -> None:
    with gc_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_resumes_after_an_error_and_can_be_paused_again() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="bad rules"), gc_paused():
            raise ValueError("bad rules")
        assert gc.isenabled()


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    with gc_paused():
        assert not gc.isenabled()
    assert not gc.isenabled()
