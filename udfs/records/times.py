"""Times in records: ISO-8601 with a zone, or epoch milliseconds."""

from __future__ import annotations

from datetime import datetime

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


class TimeUnreadableError(ValueError):
    """A text is no point in time; the message goes into the dead letter."""


def epoch_ms(name: str, text: str) -> int:
    """Parse an ISO-8601 time into epoch milliseconds.

    Args:
        name: of the field.
        text: the time, with its zone.

    Raises:
        TimeUnreadableError: the text is no such time, or has no zone, and a zone is not guessed.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TimeUnreadableError(f"{name}: {text[:64]!r} is no ISO-8601 time") from None
    if moment.tzinfo is None:
        raise TimeUnreadableError(f"{name}: {text[:64]!r} has no time zone: end it with Z or an offset")
    return round(moment.timestamp() * 1000)


def check_event_time(name: str, time: int, now_ms: int, limits: Limits) -> Refusal | None:
    """Refuse an event time outside the limits."""
    if not limits.earliest <= time < limits.latest:
        return Refusal(Refused.TIME_OUT_OF_RANGE, f"{name}: {_shown(time)} ms since 1970 is not a time of this century")
    if time > now_ms + limits.ahead_ms:
        ahead = (time - now_ms) / HOUR_MS
        return Refusal(Refused.TIME_IN_FUTURE, f"{name} is {ahead:.1f} h ahead of the clock here")
    return None


def check_calendar_time(name: str, time: int) -> Refusal | None:
    """Refuse a time outside the years 1 to 9999: no calendar has it, and a float may not hold it."""
    if _EARLIEST <= time < _LATEST:
        return None
    return Refusal(Refused.TIME_OUT_OF_RANGE, f"{name}: {_shown(time)} ms since 1970 is in none of the years 1 to 9999")


def _shown(time: int) -> str:
    """Format a number that may have thousands of digits."""
    return str(time) if abs(time) < 10**20 else f"{str(time)[:20]}..."
