"""Account events: log-ins, resets and changes of an account."""

from __future__ import annotations

from typing import Any

import pytest

from state.kernel.times import DAY_MS
from tests.payments import NOON_MS
from tests.records import read_account_event
from udfs.names import Refused
from udfs.records.account_event import KINDS, AccountEvent
from udfs.records.refusal import Refusal


def reason(value: bytes | None = None, key: bytes | None = b"alice", **fields: object) -> Refused:
    read = read_account_event(value, key, **fields)
    assert isinstance(read, Refusal), f"this was taken for an account event: {read}"
    return read.reason


def test_user_kind_and_time_are_enough() -> None:
    event = AccountEvent(user_id="alice", kind="password_reset", event_time=NOON_MS)
    assert read_account_event() == event
    assert read_account_event(timestamp="2026-01-01T12:00:00Z", unknown=[1]) == event


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_documented_kind_is_known(kind: str) -> None:
    read = read_account_event(kind=kind)
    assert isinstance(read, AccountEvent)
    assert read.kind == kind


@pytest.mark.parametrize(
    ("kind", "known"), [("LOGIN", "login"), ("login ", "login"), ("Password-Reset", "password_reset")]
)
def test_a_kind_is_known_however_it_is_spelt(kind: str, known: str) -> None:
    read = read_account_event(kind=kind)
    assert isinstance(read, AccountEvent)
    assert read.kind == known


@pytest.mark.parametrize(
    "fields",
    [
        *({"location": {"latitude": 91}}, {"location": "Munich"}, {"location": {"country": []}}, {"device": ["x"]}),
        *({"device": {"id": {}}}, {"device": {"id": "N/A"}}, {"metadata": 5}, {"event_id": []}),
    ],
)
def test_what_an_event_can_do_without_refuses_nothing(fields: dict[str, Any]) -> None:
    read = read_account_event(**fields)
    assert isinstance(read, AccountEvent)
    assert read.location is None or (read.location.latitude, read.location.country) == (None, None)
    assert read.device is None or read.device.id is None


@pytest.mark.parametrize("kind", ["logout", "", "log", "x" * 10_000])
def test_another_kind_is_refused_and_the_known_ones_are_named(kind: str) -> None:
    read = read_account_event(kind=kind)
    assert isinstance(read, Refusal)
    assert read.reason is Refused.UNKNOWN_KIND
    assert "password_reset" in read.detail
    assert len(read.detail) < 300


def test_each_fault_has_its_own_reason() -> None:
    assert reason(b"\xff") is Refused.NOT_UTF8
    assert reason(b"{") is Refused.NOT_JSON
    assert reason(kind=None) is Refused.MISSING_FIELD
    assert reason(kind=["login"]) is Refused.WRONG_TYPE
    assert reason(user_id="") is Refused.IDENTIFIER_INVALID
    assert reason(key=b"bob") is Refused.KEY_MISMATCH
    assert reason(key=None) is Refused.KEY_MISMATCH
    assert reason(timestamp="today") is Refused.TIME_UNREADABLE
    assert reason(timestamp=0) is Refused.TIME_OUT_OF_RANGE
    assert reason(timestamp=NOON_MS + 2 * DAY_MS) is Refused.TIME_IN_FUTURE


def test_half_a_surrogate_pair_in_a_name_is_refused_and_not_an_error() -> None:
    assert reason(user_id="\ud800") is Refused.NOT_JSON
    assert reason(device={"id": "\ud800"}) is Refused.NOT_JSON
