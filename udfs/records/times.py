"""Times in records: ISO-8601 with a zone, or epoch milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from typing_extensions import TypeVar

from state.kernel.times import DAY_MS, HOUR_MS
from udfs.names import Refused
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal

# A record is decoded into the struct that is used later, since copying it would cost as much as decoding it. So the
# struct is generic in the type of its times: ``Transaction[AsRead]`` from the decoder, ``Transaction`` once parsed.
AsRead = int | str
Time = TypeVar("Time", bound=int | str, default=int)

# Years 1 to 9999, with the day that a time zone may add on either side.
_EARLIEST = -62_135_596_800_000 - DAY_MS
_LATEST = 253_402_300_800_000 + DAY_MS

_MAX_CHARACTERS = 100
_DECIMAL_SIGNS = (".", ",")
_UNUSUAL = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}-?[1-7]|[0-9]{4}-?[0-9]{3})"
    r"[T ](?P<hour>[0-9]{2})(:?(?P<minute>[0-9]{2})(:?(?P<second>[0-9]{2}))?)?([.,](?P<fraction>[0-9]+))?"
    r"(?P<zone>Z|[+-][0-9]{2}(:?[0-9]{2})?)?(\[[^\[\]]*\])*"
)
_ORDINAL = re.compile(r"([0-9]{4})-?([0-9]{3})")


class TimeUnreadableError(ValueError):
    """A text is no point in time; the message goes into the dead letter."""


def epoch_ms(name: str, text: str) -> int:
    """Parse a time of RFC 3339 or ISO 8601 into epoch milliseconds.

    Args:
        name: of the field.
        text: the time, with its zone. A leap second is the first second of the next minute.

    Raises:
        TimeUnreadableError: the text is no such time, or has no zone, and a zone is not guessed.
    """
    try:
        moment = datetime.fromisoformat(text)
        # Python takes decimals of an hour or a minute for decimals of a second.
        is_usual = not moment.microsecond or text[19:20] in _DECIMAL_SIGNS or text[15:16] in _DECIMAL_SIGNS
    except ValueError:
        is_usual = False
    if not is_usual:
        moment = _unusual_time(name, text)
    if moment.tzinfo is None:
        raise TimeUnreadableError(f"{name}: {text[:64]!r} has no time zone: end it with Z or an offset")
    return round(moment.timestamp() * 1000)


def _unusual_time(name: str, text: str) -> datetime:
    """Parse a form that Python's parser does not know.

    Those are lower-case letters, a leap second, the end of a day as 24:00, decimals of hours and minutes, ordinal days,
    a real minus sign, and the name of a zone in brackets behind the offset (RFC 9557).
    """
    match = _UNUSUAL.fullmatch(text[: _MAX_CHARACTERS + 1].strip().upper().replace("\u2212", "-"))
    try:
        if match is None:
            raise ValueError
        day, hour, minute, second, fraction, zone = match.group("day", "hour", "minute", "second", "fraction", "zone")
        unit = "hours" if minute is None else "minutes" if second is None else "seconds"
        beyond = timedelta(**{unit: float(f"0.{fraction or 0}")})
        is_day_end = hour == "24" and int(minute or 0) == int(second or 0) == 0 and not beyond
        is_leap_second = second == "60"
        start = datetime.fromisoformat(
            f"{_calendar_day(day)}T{'00' if is_day_end else hour}:{minute or '00'}:"
            f"{'59' if is_leap_second else second or '00'}{zone or ''}"
        )
        moment = start + beyond + timedelta(days=is_day_end, seconds=is_leap_second)
        if is_leap_second and start.tzinfo is not None and not _is_end_of_day(start):
            raise ValueError
    except (ValueError, OverflowError):
        raise TimeUnreadableError(
            f"{name}: {text[:64]!r} is no ISO-8601 time: send it like 2026-01-31T12:00:00Z or as epoch milliseconds"
        ) from None
    return moment


def _calendar_day(day: str) -> str:
    """Return the day of a year, such as 2026-031, as month and day; other days as they are."""
    ordinal = _ORDINAL.fullmatch(day)
    if ordinal is None:
        return day
    year, number = ordinal.groups()
    first = date(int(year), 1, 1)
    found = first + timedelta(days=int(number) - 1)
    if found.year != first.year:
        raise ValueError
    return found.isoformat()


def _is_end_of_day(moment: datetime) -> bool:
    utc = moment.astimezone(UTC)
    return (utc.hour, utc.minute) == (23, 59)


def check_event_time(name: str, time: int, now_ms: int, limits: Limits) -> Refusal | None:
    """Refuse an event time outside the limits."""
    if not limits.earliest <= time < limits.latest:
        return Refusal(Refused.TIME_OUT_OF_RANGE, f"{name}: {_shown(time)} ms since 1970 is not a time of this century")
    if time > now_ms + limits.ahead_ms:
        ahead = (time - now_ms) / HOUR_MS
        return Refusal(Refused.TIME_IN_FUTURE, f"{name} is {ahead:.1f} h ahead of the clock here")
    return None


def is_calendar_time(time: int) -> bool:
    """Whether a time lies in the years 1 to 9999: no calendar has another, and a float may not hold it."""
    return _EARLIEST <= time < _LATEST


def _shown(time: int) -> str:
    """Format a number that may have thousands of digits."""
    return str(time) if abs(time) < 10**20 else f"{str(time)[:20]}..."
