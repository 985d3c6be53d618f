"""One wrong clock moves nobody else, and a stream that jumps as a whole is followed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from state.kernel.times import DAY_MS, HOUR_MS
from udfs.stages.stream_time import SAMPLE, StreamTime

NOW_MS = 1_800_000_000_000
DISORDER_MS = 5_000


def after(times: list[int]) -> StreamTime:
    stream = StreamTime(DISORDER_MS)
    for time in times:
        stream.believe(time, NOW_MS)
    return stream


def test_no_clock_is_ahead_of_the_wall_clock() -> None:
    assert StreamTime(DISORDER_MS).believe(NOW_MS + 20 * HOUR_MS, NOW_MS) == NOW_MS


def test_a_payment_of_now_does_not_move_a_replay_of_last_year() -> None:
    year_ago = NOW_MS - 365 * DAY_MS
    stream = after([year_ago + n for n in range(2 * SAMPLE)])
    assert stream.believe(NOW_MS, NOW_MS) <= year_ago + 3 * SAMPLE + DISORDER_MS


def test_a_stream_that_was_silent_over_night_is_followed_after_some_payments() -> None:
    evening, morning = NOW_MS - 9 * HOUR_MS, NOW_MS - HOUR_MS
    stream = after([evening] * SAMPLE + [morning] * (SAMPLE // 2))
    assert stream.believe(morning, NOW_MS) == morning


@given(st.integers(0, 60_000), st.integers(1, 4 * SAMPLE))
def test_a_steady_stream_is_believed_to_the_last_payment(step: int, payments: int) -> None:
    start = NOW_MS - 4 * SAMPLE * 60_000
    times = [start + number * step for number in range(payments)]
    stream = StreamTime(DISORDER_MS)
    assert [stream.believe(time, NOW_MS) for time in times] == times


@given(st.integers(0, 50), st.integers(HOUR_MS // 10, DAY_MS))
def test_a_sixth_of_the_payments_ahead_makes_nobody_late(step: int, lead: int) -> None:
    time = NOW_MS - 2 * DAY_MS
    stream = after([time] * SAMPLE)
    newest = time
    for number in range(6 * SAMPLE):
        time += step
        if number % 6 == 0:
            newest = max(newest, stream.believe(time + lead, NOW_MS))
        else:
            newest = max(newest, stream.believe(time, NOW_MS))
            assert newest - time <= DISORDER_MS + SAMPLE * step
