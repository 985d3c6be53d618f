"""Times of records: ISO-8601 with a zone, epoch milliseconds, and times outside the limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from state.kernel.times import HOUR_MS
from tests.payments import NOON_MS
from tests.records import LIMITS, NOW_MS, read_account_event, read_label, read_payment
from udfs.names import Refused
from udfs.records.refusal import Refusal
from udfs.records.times import check_event_time


def time_of(timestamp: object) -> int | Refused:
    """The time of the payment, or the reason why it has none."""
    read = read_payment(timestamp=timestamp)
    return read.reason if isinstance(read, Refusal) else read.event_time


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T12:00:00.000000+00:00",
        "2026-01-01 12:00:00Z",
        "2026-01-01T13:00:00+01:00",
        "2026-01-01T07:00-05:00",
        "20260101T120000Z",
        "2026-W01-4T12Z",
        "2026-01-01t12:00:00z",
        "2026-w01-4t12:00:00z",
        " 2026-01-01T12:00:00Z ",
        "2026-01-01T07:00:00\u221205:00",
        "2026-01-01T12,0Z",
        "2026-01-01T11:59.99999999999Z",
        "2026-001T12:00:00Z",
        "2026001T120000Z",
        "2026-01-01T13:00:00+01:00[Europe/Berlin]",
        "2026-01-01T12:00:00Z[UTC][u-ca=iso8601]",
        NOON_MS,
        float(NOON_MS),
    ],
)
def test_noon_is_noon_in_every_format(text: str | int) -> None:
    assert time_of(text) == NOON_MS


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
        ("2025-11-25T24:00:00Z", "2025-11-26T00:00:00Z"),
        ("2025-11-25T24:00Z", "2025-11-26T00:00:00Z"),
        ("20251231T240000.000Z", "2026-01-01T00:00:00Z"),
        ("2025-11-25T24Z", "2025-11-26T00:00:00Z"),
        ("2024-366T12:30,5Z", "2024-12-31T12:30:30Z"),
        ("2025-12-31T12:30.5Z", "2025-12-31T12:30:30Z"),
        ("20251231T1230.5Z", "2025-12-31T12:30:30Z"),
        ("2025-12-31T12.25+01:00", "2025-12-31T11:15:00Z"),
        ("2025-W01-4T12:00:00.5Z", "2025-01-02T12:00:00.500Z"),
    ],
)
def test_forms_that_iso_8601_and_rfc_3339_allow_are_read(text: str, same: str) -> None:
    assert time_of(text) == time_of(same)
    assert isinstance(time_of(text), int)


def test_milliseconds_are_kept_and_finer_ones_rounded() -> None:
    assert time_of("2026-01-01T12:00:00.123Z") == NOON_MS + 123
    assert time_of("2026-01-01T12:00:00.123600Z") == NOON_MS + 124


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "yesterday", "1767268800000", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z"),
        *("2026-01-01T25:00:00Z", "2026-01-01T12:00:60Z", "99999-01-01T00:00:00Z", "2026-01-01T12:00:00+24:00"),
        *("2026-01-01T24:00:01Z", "2026-01-01T24:30Z", "2025-366T12:00:00Z", "2026-000T00:00:00Z", "1795600800000.0"),
        *("2026-01-01T23:59:60+01:00", "2026-01-01T12:00:00Z[", "9999-12-31T24:00:00Z"),
        *("01/01/2026 12:00", "2026-01-01T12:00:00 Europe/Berlin", "x" * 100_000, "٢٠٢٦-01-01T12:00:00Z"),
    ],
)
def test_text_that_is_no_time_is_unreadable(text: str) -> None:
    assert time_of(text) is Refused.TIME_UNREADABLE


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00", "2026-01-01", "2026-01-01 12:00:00.123"])
def test_a_time_without_a_zone_is_not_guessed(text: str) -> None:
    read = read_payment(timestamp=text)
    assert isinstance(read, Refusal)
    assert read == Refusal(Refused.TIME_UNREADABLE, f"timestamp: {text!r} has no time zone: end it with Z or an offset")


@pytest.mark.parametrize(
    "time",
    [
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
        *("1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59"),
        *(0, -1, 1_767_268_800, 1_767_268_800_000_000, 10**18, 2**63, -(2**63), 10**400, -(10**4_000)),
    ],
)
def test_a_time_outside_this_century_is_a_clock_that_was_never_set(time: str | int) -> None:
    assert time_of(time) is Refused.TIME_OUT_OF_RANGE


def test_a_clock_may_be_a_day_ahead_and_no_more() -> None:
    tomorrow = NOW_MS + LIMITS.ahead_ms
    assert time_of(tomorrow) == tomorrow
    assert time_of(tomorrow + 1) is Refused.TIME_IN_FUTURE


def test_the_refusal_says_how_far_ahead() -> None:
    assert check_event_time("timestamp", NOW_MS + 36 * HOUR_MS, NOW_MS, LIMITS) == Refusal(
        Refused.TIME_IN_FUTURE, "timestamp is 36.0 h ahead of the clock here"
    )


@pytest.mark.parametrize("time", [LIMITS.earliest, LIMITS.latest - 1])
def test_the_first_and_the_last_millisecond_of_the_century_are_in_it(time: int) -> None:
    assert check_event_time("timestamp", time, LIMITS.latest, LIMITS) is None


def test_a_thousand_digits_are_not_all_repeated_in_the_dead_letter() -> None:
    read = read_payment(timestamp=10**1_000)
    assert isinstance(read, Refusal)
    assert len(read.detail) < 100


# Times of accounts


def test_an_account_may_be_older_than_the_century() -> None:
    opened = int(datetime(1950, 5, 1, tzinfo=UTC).timestamp() * 1000)
    for created_at in (opened, "1950-05-01T00:00:00Z"):
        read = read_payment(account={"created_at": created_at})
        assert not isinstance(read, Refusal)
        assert read.account is not None
        assert read.account.created_at == opened


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
def test_an_account_may_have_any_time_that_iso_can_express(text: str) -> None:
    assert not isinstance(read_payment(account={"created_at": text}), Refusal)


@pytest.mark.parametrize("time", [10**15, -(10**15), 10**400, "long ago", "2020-01-01", 1.5, []])
def test_a_time_that_no_account_has_is_left_out_and_named(time: object) -> None:
    """A number that no float holds would fail the features of the whole batch."""
    read = read_payment(account={"created_at": time})
    assert not isinstance(read, Refusal)
    assert read.account is not None
    assert (read.account.created_at, read.ignored) == (None, ("account.created_at",))


# Names of fields


def test_the_field_with_the_bad_time_is_named() -> None:
    for field, read in (
        ("timestamp", read_payment(timestamp="long ago")),
        ("timestamp", read_account_event(timestamp="just now")),
        ("event_time", read_label(event_time="last week")),
        ("timestamp", read_label(timestamp="today")),
    ):
        assert isinstance(read, Refusal)
        assert read.reason is Refused.TIME_UNREADABLE
        assert read.detail.startswith(f"{field}: ")
