"""Event time as the shards of a stage know it."""

from __future__ import annotations

from state.event_time_clock import NO_WATERMARK, EventTimeClock

SECOND = 1_000


def clock() -> EventTimeClock:
    return EventTimeClock(out_of_orderness_ms=5 * SECOND, idle_ms=30 * SECOND)


def test_an_event_is_as_late_as_it_is_behind_the_newest_of_its_own_source() -> None:
    one = clock()
    assert one.observe(0, 100 * SECOND) == 0
    assert one.observe(0, 95 * SECOND - 1) == 5 * SECOND + 1
    assert one.observe(0, 101 * SECOND) == 0
    assert one.observe(1, 10 * SECOND) == 0, "another partition is in order by itself"


def test_the_watermark_follows_the_slowest_source() -> None:
    one = clock()
    one.observe(0, 100 * SECOND)
    one.observe(1, 60 * SECOND)
    assert one.advance(0, {0, 1}) == 55 * SECOND


def test_a_silent_source_stops_holding_the_watermark_back() -> None:
    one = clock()
    one.observe(0, 100 * SECOND)
    one.observe(1, 60 * SECOND)
    assert one.advance(0, {0, 1}) == 55 * SECOND
    assert one.advance(29 * SECOND, {0}) == 55 * SECOND
    assert one.advance(31 * SECOND, {0}) == 95 * SECOND


def test_the_watermark_never_goes_back() -> None:
    one = clock()
    one.observe(0, 100 * SECOND)
    assert one.advance(0, {0}) == 95 * SECOND
    one.observe(1, 10 * SECOND)
    assert one.advance(1, {1}) == 95 * SECOND


def test_before_anything_is_heard_event_time_has_not_begun() -> None:
    assert clock().advance(0, set()) == NO_WATERMARK


def test_a_restored_clock_goes_on_and_counts_every_source_as_just_heard() -> None:
    before = clock()
    before.observe(0, 100 * SECOND)
    before.observe(1, 60 * SECOND)
    before.advance(0, {0, 1})
    after = EventTimeClock.of(before.pack(), 5 * SECOND, 30 * SECOND)
    assert after.observe(0, 90 * SECOND), "what was late stays late"
    assert after.advance(1_000 * SECOND, {0}) == 55 * SECOND
