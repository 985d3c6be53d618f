"""The event time that a partition as a whole has reached: it bounds how far one payment moves a clock."""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec

SAMPLE = 64
"""Payments whose event times are looked at: the latest of a partition."""
_DOUBTED = 4
"""One payment in four, the newest of the sample, is not believed yet: a whole acquirer may have a wrong time zone."""
_FEW = 16
"""Of fewer payments the newest is believed: nothing tells whose clock is right."""


class StreamTime:
    """Bounds the event times of a Kafka partition by the wall clock, and by what most of its latest payments say.

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

    def pack(self) -> list[int]:
        """The sample, in order of arrival: a time in epoch milliseconds, and the differences to it of the others."""
        return self._sample[:1] + [time - self._sample[0] for time in self._sample[1:]]

    @classmethod
    def of(cls, packed: list[int], disorder_ms: int) -> StreamTime:
        """Restore what ``pack`` packed."""
        stream = cls(disorder_ms)
        stream._sample = packed[:1] + [packed[0] + difference for difference in packed[1:]]
        stream._ordered = sorted(stream._sample)
        return stream

    def is_behind(self, other: StreamTime) -> bool:
        """Whether this sample claims less than another; both hold payments."""
        return self._reached() < other._reached()


class StreamTimes:
    """The stream time of each partition, as one stage instance sees it; every shard of the instance stores all of them.

    Args:
        disorder_ms: disorder of a stream that makes no payment late.
    """

    def __init__(self, disorder_ms: int) -> None:
        self._disorder_ms = disorder_ms
        self._by_partition: dict[int, StreamTime] = {}

    def believe(self, partition: int, event_time: int, now_ms: int) -> int:
        """The time up to which a payment moves the clock of its partition; see ``StreamTime.believe``."""
        stream = self._by_partition.get(partition)
        if stream is None:
            stream = self._by_partition[partition] = StreamTime(self._disorder_ms)
        return stream.believe(event_time, now_ms)

    def pack(self) -> bytes:
        """Pack the samples for state."""
        return msgspec.msgpack.encode({number: stream.pack() for number, stream in self._by_partition.items()})

    def merge(self, packed: bytes | None) -> None:
        """Merge what ``pack`` of another instance packed; None changes nothing.

        After a rescale shards come from several instances: of each partition the sample that claims less is taken.
        """
        if packed is None:
            return
        for number, sample in msgspec.msgpack.decode(packed, type=dict[int, list[int]]).items():
            stream, known = StreamTime.of(sample, self._disorder_ms), self._by_partition.get(number)
            if known is None or stream.is_behind(known):
                self._by_partition[number] = stream
