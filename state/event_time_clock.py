"""Event-time clock of a shard: the progress of each source, and the watermark of all of them.

Flink's watermarks travel with single records, while stages exchange batches of records. So a stage has a clock per
shard, which is part of its state and survives a restart.
"""

from __future__ import annotations

import msgspec

NO_WATERMARK = -(2**62)
"""The watermark before the first event, epoch milliseconds."""


class EventTimeClock:
    """Newest event time per source, and the watermark that follows.

    A source is in order by itself: a Kafka partition, or a shard of an upstream stage. Lateness is measured against the
    event's own source, so it does not depend on how sources interleave: a topic that is read again, after a failure or
    in a backtest, has the same late events.

    Args:
        out_of_orderness_ms: disorder within a source that does not make an event late.
        idle_ms: wall-clock time after which a silent source no longer holds back the watermark.
    """

    __slots__ = ("_idle_ms", "_last_active", "_newest", "_out_of_orderness_ms", "_watermark")

    def __init__(self, out_of_orderness_ms: int, idle_ms: int) -> None:
        self._out_of_orderness_ms = out_of_orderness_ms
        self._idle_ms = idle_ms
        self._newest: dict[int, int] = {}
        self._last_active: dict[int, int] = {}
        self._watermark = NO_WATERMARK

    @property
    def watermark(self) -> int:
        """The latest result of ``advance``, epoch milliseconds."""
        return self._watermark

    def observe(self, source: int, event_time: int) -> int:
        """Update the progress of a source with an event.

        Args:
            source: number of the source.
            event_time: epoch milliseconds.

        Returns:
            How far the event is behind the newest one of its source, milliseconds; 0 if it is the newest.
        """
        newest = self._newest.get(source, NO_WATERMARK)
        if event_time > newest:
            self._newest[source] = event_time
            return 0
        return newest - event_time

    def advance(self, now_ms: int, sources: set[int]) -> int:
        """Mark sources as active and advance the watermark.

        Args:
            now_ms: wall clock, epoch milliseconds.
            sources: numbers of the sources that sent something.

        Returns:
            The watermark, epoch milliseconds: an event before it is late. It never decreases, and is ``NO_WATERMARK``
            before the first event.
        """
        last_active = self._last_active
        for source in sources:
            last_active[source] = now_ms
        active = [
            newest
            for source, newest in self._newest.items()
            if now_ms - last_active.setdefault(source, now_ms) < self._idle_ms
        ]
        if active:
            self._watermark = max(self._watermark, min(active) - self._out_of_orderness_ms)
        return self._watermark

    @classmethod
    def of(cls, packed: bytes | None, out_of_orderness_ms: int, idle_ms: int) -> EventTimeClock:
        """Restore a clock packed by ``pack``, or make a new one.

        Every source of a restored clock counts as active at the next ``advance``.
        """
        clock = cls(out_of_orderness_ms, idle_ms)
        if packed is not None:
            clock._watermark, clock._newest = msgspec.msgpack.decode(packed, type=tuple[int, dict[int, int]])
        return clock

    def merge(self, packed: bytes | None) -> None:
        """Merge the clock of another shard, as ``pack`` packed it: the joint one claims only what both claim.

        After a rescale the shards of a subtask come from several subtasks.
        """
        if packed is None:
            return
        watermark, reached = msgspec.msgpack.decode(packed, type=tuple[int, dict[int, int]])
        for source, time in reached.items():
            self._newest[source] = min(self._newest.get(source, time), time)
        self._watermark = watermark if self._watermark == NO_WATERMARK else min(self._watermark, watermark)

    def pack(self) -> bytes:
        """Pack the watermark and the progress of each source; the times of last activity are not stored."""
        return msgspec.msgpack.encode((self._watermark, self._newest))
