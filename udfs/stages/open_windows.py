"""The minutes of a shard's merchants that are not over yet, and what is written of those that are.

A merchant is in one shard, so nobody else has a part in its minute; only the total of all merchants is added up by a
window of Flink's. A window over merchants as well took 31 of 300 us of CPU for each transaction of a drain, where
nearly every payment has a minute and merchant of its own.

What is open is written with each checkpoint. Versions before had written what a batch counted with every batch, in one
of ``_ROUND`` entries that were used in turn, and the whole once a round; such are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from state.event_time_clock import NO_WATERMARK
from state.store.keyed_state import KeyedState
from udfs.names import ShardEntry
from udfs.stages.minute_totals import MINUTE_MS, MinuteTotals, Totals, add_up

_ROUND = 32
_NO_ROUND = 0
"""In place of a round's number, which began at 1: the entries of a round do not go with what is written now."""

_Stored = tuple[int, int, list[MinuteTotals]]
"""The number of the round, up to which time minutes are over, and what was counted."""


class OpenWindows:
    """Totals by minute and merchant, until the minute is over.

    Attributes:
        over_until: event time until which minutes were closed, epoch milliseconds: nothing is counted before it again.
    """

    def __init__(self) -> None:
        self.over_until = NO_WATERMARK
        self._minutes: dict[int, dict[str, Totals]] = {}

    def __bool__(self) -> bool:
        """Whether a minute is open."""
        return bool(self._minutes)

    def add(self, counted: Iterable[MinuteTotals]) -> None:
        """Take in what was counted, in minutes that are not over."""
        for minute, merchant_id, totals in counted:
            add_up(self._minutes.setdefault(minute, {}), merchant_id, totals)

    def close(self, watermark: int) -> list[MinuteTotals]:
        """Let go the minutes that are over at a watermark (epoch ms), the first one first."""
        over = sorted(minute for minute in self._minutes if minute + MINUTE_MS <= watermark)
        if over:
            self.over_until = max(self.over_until, over[-1] + MINUTE_MS)
        return [
            MinuteTotals(minute, merchant_id, totals)
            for minute in over
            for merchant_id, totals in self._minutes.pop(minute).items()
        ]

    def pack(self) -> bytes:
        """All that is open."""
        counted = [
            MinuteTotals(minute, merchant_id, totals)
            for minute, merchants in self._minutes.items()
            for merchant_id, totals in merchants.items()
        ]
        return msgspec.msgpack.encode((_NO_ROUND, self.over_until, counted))

    @classmethod
    def of(cls, backing: KeyedState) -> OpenWindows:
        """What was open when the state was written."""
        minutes = cls()
        stored = _unpacked(backing.get(ShardEntry.MINUTES.value))
        if stored is None:
            return minutes
        minutes._take_again(stored)
        if stored[0] != _NO_ROUND:
            minutes._take_round(stored[0], backing)
        return minutes

    def _take_round(self, number: int, backing: KeyedState) -> None:
        for entry in range(1, _ROUND + 1):
            stored = _unpacked(backing.get(f"{ShardEntry.MINUTES.value}-{entry}"))
            if stored is None or stored[0] != number:  # of the round before
                return
            self._take_again(stored)

    def _take_again(self, stored: _Stored) -> None:
        _, over_until, counted = stored
        self.add(counted)
        self.close(over_until)
        self.over_until = over_until


def _unpacked(data: bytes | None) -> _Stored | None:
    return None if data is None else msgspec.msgpack.decode(data, type=_Stored)


class MinuteMetrics(msgspec.Struct, gc=False):
    """What is written to ``metrics`` of a merchant's minute; the window of all merchants writes the same fields.

    The counts are ``TALLY_COLUMNS``; ``amount`` is a sum regardless of currency; times are ISO-8601 in UTC.
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
    """The record of a minute that is over."""
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
