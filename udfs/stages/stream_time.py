"""The event time that a stream as a whole has reached: it bounds how far one payment moves a clock."""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec

SAMPLE = 64
"""Payments whose event times are looked at: the latest of a shard, so that the parallelism does not matter."""
_DOUBTED = 4
"""One payment in four, the newest of the sample, is not believed yet: a whole acquirer may have a wrong time zone."""
_FEW = 16
"""Of fewer payments the newest is believed: nothing tells whose clock is right."""


class StreamTime:
    """Bounds the event times of a shard by the wall clock, and by what most of its latest payments say.

    Some senders with a wrong clock must not make the payments of others late. So a clock reaches a time when a quarter
    of the sample has: in a stream in order it follows the newest payment by 15 payments, and a stream that jumps as a
    whole, as after a night without payments, is followed with the 16th.

    Args:
        disorder_ms: disorder of a stream that makes no payment late; half of it is believed in any case.
    """

    __slots__ = ("_disorder_ms", "_ordered", "_sample")

    def __init__(self, disorder_ms: int) -> None:
        self._disorder_ms = disorder_ms
        self._sample: list[int] = []
        self._ordered: list[int] = []

    def believe(self, event_time: int, now_ms: int) -> int:
        """The time up to which a payment moves the clock of its partition, epoch milliseconds.

        Args:
            event_time: of the payment, epoch milliseconds.
            now_ms: the wall clock, epoch milliseconds.
        """
        sample, ordered = self._sample, self._ordered
        sample.append(event_time)
        insort(ordered, event_time)
        if len(sample) > SAMPLE:
            del ordered[bisect_left(ordered, sample.pop(0))]
        return min(event_time, now_ms, self._reached() + self._disorder_ms // 2)

    def _reached(self) -> int:
        """The newest time that is believed without the slack; a sample must not be empty."""
        ordered = self._ordered
        return ordered[-1] if len(ordered) < _FEW else ordered[-(len(ordered) // _DOUBTED)]

    def pack(self) -> bytes:
        """Pack the sample for state, in order of arrival."""
        return msgspec.msgpack.encode(self._sample)

    @classmethod
    def of(cls, packed: bytes | None, disorder_ms: int) -> StreamTime:
        """Restore what ``pack`` packed, or begin anew."""
        stream = cls(disorder_ms)
        if packed is not None:
            stream._sample = msgspec.msgpack.decode(packed, type=list[int])
            stream._ordered = sorted(stream._sample)
        return stream
