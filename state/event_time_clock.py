"""Event time as a shard of the stream knows it: how far each of its sources has come, and so how far all of them have.

Flink's own watermark travels with single records; here records travel in batches, so a stage keeps its own clock, in
state, and gets the same clock back after a restart.
"""

from __future__ import annotations

import msgspec

NO_WATERMARK = -(2**62)
"""Before all events, epoch milliseconds."""


class EventTimeClock:
    """The event time that each source has reached, and the watermark that follows from all of them.

    A source is whatever is in order by itself: a Kafka partition, or a shard of the stage before. Whether an event is
    late is a matter of its own source alone, so that it does not depend on how sources were interleaved: the same
    topic read again, after a failure or in a backtest, flags the same events.

    Args:
        out_of_orderness_ms: disorder within a source that is not called late.
        idle_ms: wall-clock time after which a silent source no longer holds the watermark back.
    """

    __slots__ = ("_heard", "_idle_ms", "_out_of_orderness_ms", "_reached", "_watermark")

    def __init__(self, out_of_orderness_ms: int, idle_ms: int) -> None:
        self._out_of_orderness_ms = out_of_orderness_ms
        self._idle_ms = idle_ms
        self._reached: dict[int, int] = {}
        self._heard: dict[int, int] = {}
        self._watermark = NO_WATERMARK

    @property
    def watermark(self) -> int:
        """What ``advance`` said last, epoch milliseconds."""
        return self._watermark

    def observe(self, source: int, event_time: int) -> int:
        """Take an event in; how far it is behind the newest of its source, ms, 0 if it is the newest.

        Args:
            source: number of the source.
            event_time: epoch milliseconds.
        """
        reached = self._reached.get(source, NO_WATERMARK)
        if event_time > reached:
            self._reached[source] = event_time
            return 0
        return reached - event_time

    def advance(self, now_ms: int, sources: set[int]) -> int:
        """Note which sources were heard from at ``now_ms`` (wall clock) and say how far event time is.

        Returns:
            The watermark in epoch milliseconds: no event that is not late is before it. It never goes back, and is
            ``BEGINNING`` before anything was heard.
        """
        heard = self._heard
        for source in sources:
            heard[source] = now_ms
        active = [
            reached
            for source, reached in self._reached.items()
            if now_ms - heard.setdefault(source, now_ms) < self._idle_ms
        ]
        if active:
            self._watermark = max(self._watermark, min(active) - self._out_of_orderness_ms)
        return self._watermark

    @classmethod
    def of(cls, packed: bytes | None, out_of_orderness_ms: int, idle_ms: int) -> EventTimeClock:
        """The clock that ``pack`` packed, or a new one. After a restart every source counts as just heard."""
        clock = cls(out_of_orderness_ms, idle_ms)
        if packed is not None:
            clock._watermark, clock._reached = msgspec.msgpack.decode(packed, type=tuple[int, dict[int, int]])
        return clock

    def pack(self) -> bytes:
        """Where event time is; not the wall clock's part."""
        return msgspec.msgpack.encode((self._watermark, self._reached))
