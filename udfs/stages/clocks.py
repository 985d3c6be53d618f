"""The event-time clocks of a stage's shards, read from their state when they first come."""

from __future__ import annotations

from collections.abc import Sequence

from state.event_time_clock import EventTimeClock
from state.store.keyed_state import KeyedState
from udfs.names import ShardEntry
from udfs.stages.stage_message import StageMessage


class ShardClocks:
    """Clocks by shard.

    Args:
        out_of_orderness_ms: disorder within a source that is not called late.
        idle_ms: wall-clock time after which a silent source no longer holds event time back.
    """

    def __init__(self, out_of_orderness_ms: int, idle_ms: int) -> None:
        self._out_of_orderness_ms = out_of_orderness_ms
        self._idle_ms = idle_ms
        self._clocks: dict[int, EventTimeClock] = {}

    def of(self, shard: int, backing: KeyedState) -> EventTimeClock:
        """The clock of a shard."""
        clock = self._clocks.get(shard)
        if clock is None:
            packed = backing.get(ShardEntry.CLOCK.value)
            clock = EventTimeClock.of(packed, self._out_of_orderness_ms, self._idle_ms)
            self._clocks[shard] = clock
        return clock


def advance(clock: EventTimeClock, handoffs: Sequence[StageMessage], now_ms: int) -> int:
    """Note how far the shards of the stage before have come; the watermark that follows."""
    for handoff in handoffs:
        clock.observe(handoff.source, handoff.watermark)
    return clock.advance(now_ms, {handoff.source for handoff in handoffs})
