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


def test_a_jump_is_followed_by_the_payment_that_makes_it_a_quarter_of_the_sample() -> None:
    evening, morning = NOW_MS - 9 * HOUR_MS, NOW_MS - HOUR_MS
    stream = after([evening] * SAMPLE)
    believed = [stream.believe(morning, NOW_MS) for _ in range(SAMPLE // 4)]
    assert believed == [evening + DISORDER_MS // 2] * (SAMPLE // 4 - 1) + [morning]


@given(st.integers(0, 60_000), st.integers(1, 4 * SAMPLE))
def test_a_steady_stream_is_followed_by_a_quarter_of_the_sample(step: int, payments: int) -> None:
    start = NOW_MS - 4 * SAMPLE * 60_000
    times = [start + number * step for number in range(payments)]
    stream = StreamTime(DISORDER_MS)
    for number, time in enumerate(times):
        lag = step * (min(number + 1, SAMPLE) // 4 - 1) if number >= 15 else 0
        assert stream.believe(time, NOW_MS) == min(time, time - lag + DISORDER_MS // 2)


@given(st.integers(0, 50_000), st.integers(HOUR_MS // 10, DAY_MS), st.integers(5, 20))
def test_a_fifth_of_the_payments_ahead_makes_nobody_late(step: int, lead: int, every: int) -> None:
    time = NOW_MS - 30 * DAY_MS
    stream = after([time] * SAMPLE)
    newest = time
    for number in range(6 * SAMPLE):
        time += step
        wrong = number % every == 0
        newest = max(newest, stream.believe(time + lead * wrong, NOW_MS))
        assert wrong or newest - time <= DISORDER_MS // 2


@given(st.integers(0, 50_000), st.integers(2 * SAMPLE, 4 * SAMPLE), st.integers(HOUR_MS, DAY_MS))
def test_a_wrong_clock_moves_nobody_while_the_stream_jumps(step: int, payments: int, jump: int) -> None:
    time = NOW_MS - 60 * DAY_MS
    stream = after([time + number * step for number in range(SAMPLE)])
    time += SAMPLE * step + jump
    newest = 0
    for number in range(payments):
        time += step
        wrong = number % 7 == 3
        newest = max(newest, stream.believe(time + DAY_MS * wrong, NOW_MS))
        assert wrong or newest - time <= DISORDER_MS // 2


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=3 * SAMPLE), st.integers(0, 3 * SAMPLE))
def test_a_restart_changes_nothing(offsets: list[int], restart_at: int) -> None:
    steady, restarted = StreamTime(DISORDER_MS), StreamTime(DISORDER_MS)
    for number, offset in enumerate(offsets):
        if number == restart_at:
            restarted = StreamTime.of(restarted.pack(), DISORDER_MS)
        time = NOW_MS - 2 * 10**9 + offset
        assert steady.believe(time, NOW_MS) == restarted.believe(time, NOW_MS)
