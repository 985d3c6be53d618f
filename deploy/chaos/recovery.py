"""How long decisions stopped: from when payments were sent and first decided. Pure functions; all times in seconds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

WINDOW_S = 1.0
BEFORE_S = 3.0
STEP_S = 0.1
SHARE = 0.5
"""Of the rate before: at less than this decisions have stopped, at this they flow again."""


def recovery_s(
    struck_at: float, sent_at: Mapping[str, float], decided_at: Mapping[str, Sequence[float]], within_s: float = 45.0
) -> float | None:
    """Seconds from a fault until decisions flow again; 0 when they never stopped, None when they never came back.

    They have stopped when within a second fewer are appended than half of the rate of the three seconds before
    the fault, although so many payments wait; they flow again with the first append after which, within a second, there
    are so many. Where they stop several times, as when a JobManager comes back and starts all tasks anew, it is the
    last that counts.

    Args:
        struck_at: when the fault struck.
        sent_at: when each transaction was sent.
        decided_at: when each of its decisions was appended.
        within_s: how long after the fault they may stop for it to be the cause.
    """
    appends = sorted(at for each in decided_at.values() for at in each)
    sent = sorted(sent_at.values())
    first = sorted(min(each) for name, each in decided_at.items() if each and name in sent_at)
    rate = SHARE * _count(appends, struck_at - BEFORE_S, struck_at) / BEFORE_S * WINDOW_S
    flowing = at = struck_at
    while at <= struck_at + within_s:
        waiting = bisect_right(sent, at) - bisect_right(first, at + WINDOW_S)
        if waiting > rate and _count(appends, at, at + WINDOW_S) < rate:
            following = appends[bisect_left(appends, at) :]
            again = next((each for each in following if _count(appends, each, each + WINDOW_S) >= rate), None)
            if again is None:
                return None
            flowing = at = max(again, at)
        at += STEP_S
    return flowing - struck_at


def longest_wait_s(sent_at: Mapping[str, float], decided_at: Mapping[str, Sequence[float]]) -> float:
    """The longest time from a payment's sending to its first decision; 0 when there is none."""
    return max((min(decided_at[name]) - at for name, at in sent_at.items() if decided_at.get(name)), default=0.0)


def _count(times: Sequence[float], begin: float, end: float) -> int:
    return bisect_left(times, end) - bisect_left(times, begin)
