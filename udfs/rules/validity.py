"""The event time in which a rule holds, from RFC 3339 or epoch milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from udfs.records.times import TimeUnreadableError, epoch_ms, is_calendar_time
from udfs.rules.rule import Rule

_TIMES = ("valid_from", "valid_until")


def with_times(rule: Rule) -> Rule:
    """The rule with its times in epoch milliseconds; times that cannot be read stay as they are."""
    times = {name: _milliseconds(getattr(rule, name)) for name in _TIMES if isinstance(getattr(rule, name), str)}
    return msgspec.structs.replace(rule, **times) if times else rule


def validity_problems(rule: Rule) -> Iterator[str]:
    """What is wrong with the times of a rule that ``with_times`` gave."""
    times = [(name, time) for name in _TIMES if (time := getattr(rule, name)) is not None]
    for name, time in times:
        if isinstance(time, str):
            yield f"{name} is a time with its zone (2026-12-01T08:00:00Z) or epoch milliseconds, not {time[:64]!r}"
        elif not is_calendar_time(time):
            yield f"{name} is no time of the calendar: {time}"
    begin, end = rule.valid_from, rule.valid_until
    if isinstance(begin, int) and isinstance(end, int) and begin >= end:
        yield "valid_until is not after valid_from: the rule would never hold"


def _milliseconds(text: str) -> int | str:
    try:
        return epoch_ms("time", text)
    except TimeUnreadableError:
        return text
