"""The event-time clock of a shard: lateness per source, and the watermark of all sources."""

from __future__ import annotations

from state.event_time_clock import NO_WATERMARK, EventTimeClock

SECOND = 1_000


def clock() -> EventTimeClock:
    return EventTimeClock(out_of_orderness_ms=5 * SECOND, idle_ms=30 * SECOND)


def test_an_event_is_late_by_its_delay_behind_the_newest_of_its_source() -> None:
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


def test_an_idle_source_no_longer_holds_back_the_watermark() -> None:
    one = clock()
    one.observe(0, 100 * SECOND)
    one.observe(1, 60 * SECOND)
    assert one.advance(0, {0, 1}) == 55 * SECOND
    assert one.advance(29 * SECOND, {0}) == 55 * SECOND
    assert one.advance(31 * SECOND, {0}) == 95 * SECOND


def test_the_watermark_never_decreases() -> None:
    one = clock()
    one.observe(0, 100 * SECOND)
    assert one.advance(0, {0}) == 95 * SECOND
    one.observe(1, 10 * SECOND)
    assert one.advance(1, {1}) == 95 * SECOND


def test_before_the_first_event_there_is_no_watermark() -> None:
    assert clock().advance(0, set()) == NO_WATERMARK


def test_a_restored_clock_continues_with_every_source_active() -> None:
    before = clock()
    before.observe(0, 100 * SECOND)
    before.observe(1, 60 * SECOND)
    before.advance(0, {0, 1})
    after = EventTimeClock.of(before.pack(), 5 * SECOND, 30 * SECOND)
    assert after.observe(0, 90 * SECOND), "an event that was late is still late"
    assert after.advance(1_000 * SECOND, {0}) == 55 * SECOND
