"""Minute aggregation: counts decisions in one-minute windows of event time, and closes the windows of each merchant."""

from __future__ import annotations

from collections.abc import Callable

from udfs.stages.minute_totals import MinuteAggregator, MinuteTotals
from udfs.stages.open_windows import OpenWindows


class MinuteWindows:
    """The open windows of the merchants of a stage instance.

    Args:
        idle_ms: an instance without batches for so long (wall clock, ms) closes its windows.
    """

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._windows = OpenWindows()
        self._last_batch_ms: int | None = None

    def open(self, watermark: int, now_ms: int) -> MinuteAggregator:
        """Begin a batch; the aggregator counts its decisions, none in a window that is closed.

        Args:
            watermark: event time before the batch, epoch milliseconds.
            now_ms: the wall clock, epoch milliseconds.
        """
        self._last_batch_ms = now_ms
        return MinuteAggregator(max(watermark, self._windows.over_until))

    def close(self, minutes: MinuteAggregator, watermark: int) -> list[MinuteTotals]:
        """End a batch; returns the windows that are closed at the watermark after it."""
        self._windows.add(minutes)
        return self._windows.close(watermark)

    def idle_deadline(self) -> int | None:
        """When the windows are closed if no further batch comes, wall clock, epoch milliseconds.

        None if none is open, or no batch came since the start.
        """
        return None if self._last_batch_ms is None or not self._windows else self._last_batch_ms + self._idle_ms

    def close_idle(self, now_ms: int) -> list[MinuteTotals]:
        """Close the windows of an idle instance; without a batch since the start it is idle from now on.

        Args:
            now_ms: the wall clock, epoch milliseconds.
        """
        if self._last_batch_ms is None:
            self._last_batch_ms = now_ms
        deadline = self.idle_deadline()
        if deadline is None or now_ms < deadline:
            return []
        self._last_batch_ms = now_ms  # windows ahead of the wall clock stay open
        return self._windows.close(now_ms)

    def restore(self, packed: bytes | None) -> None:
        """Add the windows of a shard that is attached; None adds nothing."""
        self._windows.restore(packed)

    def pack(self, belongs: Callable[[str], bool]) -> bytes | None:
        """Pack the windows of the merchants that belong to a shard; None if there never were any windows."""
        return self._windows.pack(belongs) if self._windows.used else None
