"""Times in records: ISO-8601 with a zone, or epoch milliseconds."""

from __future__ import annotations

from datetime import datetime

from udfs.names import Refused
from udfs.records.limits import Limits
from udfs.records.refusal import Refusal


class TimeUnreadableError(ValueError):
    """Text that is no point in time; the message is for the dead letter."""


def epoch_ms(text: str) -> int:
    """Epoch milliseconds of an ISO-8601 time.

    Raises:
        TimeUnreadableError: it is none, or names no zone: without one it would be a guess.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TimeUnreadableError(f"{text[:64]!r} is no ISO-8601 time") from None
    if moment.tzinfo is None:
        raise TimeUnreadableError(f"{text[:64]!r} has no time zone: end it with Z or an offset")
    return round(moment.timestamp() * 1000)


def check_event_time(name: str, time: int, now_ms: int, limits: Limits) -> Refusal | None:
    """Refuse a time that no clock can have meant."""
    if not limits.earliest <= time < limits.latest:
        return Refusal(Refused.TIME_OUT_OF_RANGE, f"{name}: {time} ms since 1970 is not a time of this century")
    if time > now_ms + limits.ahead_ms:
        ahead = (time - now_ms) / 3_600_000
        return Refusal(Refused.TIME_IN_FUTURE, f"{name} is {ahead:.1f} h ahead of the clock here")
    return None
