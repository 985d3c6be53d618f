"""Measure how long decisions stopped, from when payments were sent and decided. Pure functions; times in seconds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

WINDOW_S = 1.0
BASELINE_S = 3.0
STEP_S = 0.1
FLOWING_SHARE = 0.5
"""Share of the rate before the fault: below it decisions have stopped, from it on they flow."""


def recovery_s(
    injected_at: float, sent_at: Mapping[str, float], decided_at: Mapping[str, Sequence[float]], within_s: float = 45.0
) -> float | None:
    """Measure the time from a fault until decisions flow again.

    Decisions have stopped when, within a second, fewer are appended than half of the rate of the three seconds before
    the fault, although more payments than that are pending. They flow again with the first append after which that rate
    is reached within a second. Where they stop several times, as when a JobManager comes back and restarts all tasks,
    the last time counts.

    Args:
        injected_at: when the fault was injected.
        sent_at: when each transaction was sent.
        decided_at: when each of its decisions was appended.
        within_s: a stop that begins later than this after the fault has another cause.

    Returns:
        0 when decisions never stopped, None when they never came back.
    """
    appends = sorted(at for each in decided_at.values() for at in each)
    sent = sorted(sent_at.values())
    first = sorted(min(each) for name, each in decided_at.items() if each and name in sent_at)
    threshold = FLOWING_SHARE * _count(appends, injected_at - BASELINE_S, injected_at) / BASELINE_S * WINDOW_S
    flowing = at = injected_at
    while at <= injected_at + within_s:
        pending = bisect_right(sent, at) - bisect_right(first, at + WINDOW_S)
        if pending > threshold and _count(appends, at, at + WINDOW_S) < threshold:
            following = appends[bisect_left(appends, at) :]
            resumed = next((each for each in following if _count(appends, each, each + WINDOW_S) >= threshold), None)
            if resumed is None:
                return None
            flowing = at = max(resumed, at)
        at += STEP_S
    return flowing - injected_at


def waits_s(sent_at: Mapping[str, float], decided_at: Mapping[str, Sequence[float]]) -> list[float]:
    """Measure the time from sending each payment to its first decision, shortest first; undecided ones are left out."""
    return sorted(min(decided_at[name]) - at for name, at in sent_at.items() if decided_at.get(name))


def _count(times: Sequence[float], begin: float, end: float) -> int:
    return bisect_left(times, end) - bisect_left(times, begin)
