"""Minute aggregation: counts decisions in one-minute windows of event time, and closes the windows of each merchant."""

from __future__ import annotations

from state.event_time_clock import NO_WATERMARK, EventTimeClock
from state.profiles.shared_profile import MerchantProfile
from udfs.names import ShardEntry
from udfs.stages.minute_totals import MinuteAggregator, MinuteTotals
from udfs.stages.shard import Shard


class MinuteWindows:
    """The windows of all shards of a subtask.

    Flink has one watermark for a subtask, which its slowest shard determines; so windows close by the slowest shard.

    Args:
        idle_ms: a shard without batches for so long (wall clock, ms) no longer holds its windows open.

    Attributes:
        watermark: event time that all shards of the subtask have reached, epoch milliseconds.
    """

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._clock = EventTimeClock(0, idle_ms)
        self.watermark = NO_WATERMARK

    def open(self, shard: Shard[MerchantProfile], now_ms: int) -> MinuteAggregator:
        """Begin a batch of a shard; the aggregator counts its decisions."""
        shard.last_batch_ms = now_ms
        # Windows that were closed before a restart stay closed.
        self.watermark = max(self.watermark, shard.clock.watermark)
        return MinuteAggregator(max(self.watermark, shard.windows.over_until))

    def advance(self, shard: Shard[MerchantProfile], watermark: int, now_ms: int) -> None:
        """Advance the subtask's watermark, now that a shard has reached ``watermark``."""
        self._clock.observe(shard.number, watermark)
        self.watermark = max(self.watermark, self._clock.advance(now_ms, {shard.number}))

    def close(self, shard: Shard[MerchantProfile], minutes: MinuteAggregator) -> list[MinuteTotals]:
        """End a batch of a shard; returns the windows that are closed."""
        shard.windows.add(minutes)
        return shard.windows.close(self.watermark)

    def idle_deadline(self, shard: Shard[MerchantProfile]) -> int | None:
        """When a shard without further batches closes its windows, wall clock, epoch milliseconds.

        None if none is open, or no batch came since the start.
        """
        last = shard.last_batch_ms
        return None if last is None or not shard.windows else last + self._idle_ms

    def close_idle(self, shard: Shard[MerchantProfile], now_ms: int) -> list[MinuteTotals]:
        """Close the windows of a shard that is idle, since event time will not.

        Args:
            shard: whose idleness counts from now if no batch came since the start.
            now_ms: the wall clock, epoch milliseconds.
        """
        if shard.last_batch_ms is None:
            shard.last_batch_ms = now_ms
        deadline = self.idle_deadline(shard)
        if deadline is None or now_ms < deadline:
            return []
        closed = shard.windows.close(now_ms)
        shard.last_batch_ms = now_ms  # windows ahead of the wall clock stay open
        # Written at once: no batch of this shard, and so no checkpoint, may come for long.
        shard.state.put_many({ShardEntry.MINUTES.value: shard.windows.pack()})
        return closed
