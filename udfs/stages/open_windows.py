"""One-minute windows of merchants that are open, and the records of those that are closed.

A merchant belongs to one shard, so its minute is complete here; only the total of all merchants is added up downstream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from state.event_time_clock import NO_WATERMARK
from state.kernel.sections import ProfileVersionError
from state.kernel.times import MINUTE_MS
from udfs.stages.minute_totals import MinuteTotals, Totals, add_up

_FORMAT = 1

_Stored = tuple[int, int, list[MinuteTotals]]
"""Format, event time up to which windows are closed (epoch ms), and the open windows."""


class OpenWindows:
    """Totals by minute and merchant, until the minute is over.

    Attributes:
        over_until: event time up to which windows are closed, epoch milliseconds; no decision counts before it.
    """

    def __init__(self) -> None:
        self.over_until = NO_WATERMARK
        self._minutes: dict[int, dict[str, Totals]] = {}

    def __bool__(self) -> bool:
        """Whether a window is open."""
        return bool(self._minutes)

    @property
    def used(self) -> bool:
        """Whether a window is or was open, so that there is something to store."""
        return bool(self._minutes) or self.over_until > NO_WATERMARK

    def add(self, counted: Iterable[MinuteTotals]) -> None:
        """Add totals to windows that are not closed."""
        for minute, merchant_id, totals in counted:
            add_up(self._minutes.setdefault(minute, {}), merchant_id, totals)

    def close(self, watermark: int) -> list[MinuteTotals]:
        """Close the windows that end at or before a watermark (epoch ms); returns their totals, earliest first."""
        over = sorted(minute for minute in self._minutes if minute + MINUTE_MS <= watermark)
        if over:
            self.over_until = max(self.over_until, over[-1] + MINUTE_MS)
        return [
            MinuteTotals(minute, merchant_id, totals)
            for minute in over
            for merchant_id, totals in self._minutes.pop(minute).items()
        ]

    def pack(self, belongs: Callable[[str], bool]) -> bytes:
        """Pack the open windows of the merchants that belong to a shard."""
        counted = [
            MinuteTotals(minute, merchant_id, totals)
            for minute, merchants in self._minutes.items()
            for merchant_id, totals in merchants.items()
            if belongs(merchant_id)
        ]
        return msgspec.msgpack.encode((_FORMAT, self.over_until, counted))

    def restore(self, packed: bytes | None) -> None:
        """Add the windows that ``pack`` packed; None adds nothing.

        Raises:
            ProfileVersionError: another version of the program wrote them.
        """
        if packed is None:
            return
        stored_format, over_until, counted = msgspec.msgpack.decode(packed, type=_Stored)
        if stored_format != _FORMAT:
            raise ProfileVersionError(
                f"the open windows of a shard have format {stored_format}, this program reads {_FORMAT}: "
                "run the program that wrote them, or a newer one"
            )
        self.over_until = max(self.over_until, over_until)
        self.add(counted)


class MinuteMetrics(msgspec.Struct, gc=False):
    """A record of the topic ``metrics``: a merchant's minute; Flink's window writes the same fields for all merchants.

    Counts are the ``MINUTE_COLUMNS``; ``amount`` is a sum regardless of currency; times are ISO-8601 in UTC.
    """

    window_start: str
    window_end: str
    merchant_id: str
    transactions: int
    amount: float
    alerts: int
    blocked: int
    challenged: int
    monitored: int
    late: int
    too_late: int
    alert_rate: float


_encoder = msgspec.json.Encoder()


def metrics_record(counted: MinuteTotals) -> bytes:
    """Encode the record of a closed window."""
    minute, merchant_id, (transactions, amount, alerts, blocked, challenged, monitored, late, too_late) = counted
    return _encoder.encode(
        MinuteMetrics(
            _iso(minute),
            _iso(minute + MINUTE_MS),
            merchant_id,
            int(transactions),
            amount,
            int(alerts),
            int(blocked),
            int(challenged),
            int(monitored),
            int(late),
            int(too_late),
            alerts / transactions,
        )
    )


@lru_cache(maxsize=1024)
def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
