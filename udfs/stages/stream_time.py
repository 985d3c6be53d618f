"""The event time that a stream as a whole has reached: it bounds how far one payment moves a clock."""

from __future__ import annotations

import msgspec

SAMPLE = 64
"""Payments whose event times are looked at: the latest of a shard."""
_REFRESH = 8
"""Payments between two looks."""
_SPREADS = 0.75
"""In a steady stream the newest payment is 16 payments ahead of the upper quartile, 24 when that is a look old; the
quartiles are 32 apart."""


_decoder = msgspec.msgpack.Decoder(tuple[int, float | None, list[int]])


class StreamTime:
    """Bounds event times by the wall clock, and by what most of the latest payments say.

    One terminal with a wrong clock must not make the payments of others late. A stream that jumps as a whole, as after
    a night without payments, is followed when a quarter of the sample has jumped.

    Args:
        disorder_ms: disorder of a stream that makes no payment late; a payment may lead by half of it in any case.
    """

    __slots__ = ("_bound", "_disorder_ms", "_sample", "_since")

    def __init__(self, disorder_ms: int) -> None:
        self._disorder_ms = disorder_ms
        self._sample: list[int] = []
        self._bound: float | None = None
        self._since = 0

    @classmethod
    def of(cls, packed: bytes | None, disorder_ms: int) -> StreamTime:
        """Restore what ``pack`` packed, or begin anew."""
        stream = cls(disorder_ms)
        if packed is not None:
            stream._since, stream._bound, stream._sample = _decoder.decode(packed)
        return stream

    def pack(self) -> bytes:
        """Pack the sample for state."""
        return msgspec.msgpack.encode((self._since, self._bound, self._sample))

    def believe(self, event_time: int, now_ms: int) -> int:
        """The time up to which a payment moves the clock of its partition, epoch milliseconds.

        Args:
            event_time: of the payment, epoch milliseconds.
            now_ms: the wall clock, epoch milliseconds.
        """
        sample = self._sample
        sample.append(event_time)
        self._since += 1
        if len(sample) > SAMPLE:
            del sample[0]
        believed = min(event_time, now_ms)
        if self._since >= _REFRESH and len(sample) == SAMPLE:
            self._since = 0
            ordered = sorted(sample)
            lower, upper = ordered[SAMPLE // 4], ordered[SAMPLE * 3 // 4]
            self._bound = upper + _SPREADS * (upper - lower) + self._disorder_ms / 2
        return believed if self._bound is None else min(believed, int(self._bound))
