"""The minutes of a shard's merchants that are not over yet, and what is written of those that are.

A merchant is in one shard, so its minute is complete as soon as the shard's event time is past it; only the total of
all merchants is added up by a window of Flink's, from one row for each shard and minute. A window over merchants took
38 of 273 us of CPU for each transaction of a drain, most of it for rows on their way through SQL.

What is open is kept in the shard's state without writing all of it with every batch: a batch writes what it counted,
in one of ``ROUND`` entries that are used in turn, and the whole is written once a round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from state.store import Backing
from udfs.names import ShardEntry
from udfs.stages.tally import MINUTE_MS, Counted, Totals, add_to

ROUND = 32
"""Batches from one writing of the whole to the next. At a restart as many entries are read."""

_Stored = tuple[int, list[Counted]]


class OpenMinutes:
    """Totals by minute and merchant, until the minute is over."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[str, Totals]] = {}
        self._round = 0
        self._written = ROUND

    def add(self, counted: Iterable[Counted]) -> None:
        """Take in what was counted, in minutes that are not over."""
        for minute, merchant_id, totals in counted:
            merchants = self._minutes.setdefault(minute, {})
            known = merchants.get(merchant_id)
            if known is None:
                merchants[merchant_id] = totals.copy()
            else:
                add_to(known, totals)

    def close(self, watermark: int) -> list[Counted]:
        """Let go the minutes that are over at a watermark (epoch ms), the first one first."""
        over = sorted(minute for minute in self._minutes if minute + MINUTE_MS <= watermark)
        return [
            Counted(minute, merchant_id, totals)
            for minute in over
            for merchant_id, totals in self._minutes.pop(minute).items()
        ]

    def entries(self, counted: Iterable[Counted]) -> Iterator[tuple[str, bytes]]:
        """What the shard is to write after a batch, of which ``counted`` was taken in."""
        added = list(counted)
        if not added:
            return
        self._written += 1
        if self._written > ROUND:
            self._written = 0
            self._round += 1
            yield ShardEntry.MINUTES.value, _packed(self._round, self._all())
        else:
            yield _entry(self._written), _packed(self._round, added)

    def _all(self) -> list[Counted]:
        return [
            Counted(minute, merchant_id, totals)
            for minute, merchants in self._minutes.items()
            for merchant_id, totals in merchants.items()
        ]

    @classmethod
    def of(cls, backing: Backing, watermark: int) -> OpenMinutes:
        """What was open when the state was written; ``watermark``: of the shard, epoch ms."""
        minutes = cls()
        stored = _unpacked(backing.get(ShardEntry.MINUTES.value))
        if stored is None:
            return minutes
        minutes._round, counted = stored
        minutes._written = 0
        minutes.add(counted)
        while minutes._written < ROUND:
            stored = _unpacked(backing.get(_entry(minutes._written + 1)))
            if stored is None or stored[0] != minutes._round:  # of the round before
                break
            minutes._written += 1
            minutes.add(stored[1])
        minutes.close(watermark)
        return minutes


def _entry(number: int) -> str:
    return f"{ShardEntry.MINUTES.value}-{number}"


def _packed(number: int, counted: list[Counted]) -> bytes:
    return msgspec.msgpack.encode((number, counted))


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


def metrics_record(counted: Counted) -> bytes:
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


def totals_of(counted: Iterable[Counted]) -> list[tuple[int, Totals]]:
    """The same of all merchants together, by minute."""
    totals: dict[int, Totals] = {}
    for minute, _, each in counted:
        known = totals.get(minute)
        if known is None:
            totals[minute] = each.copy()
        else:
            add_to(known, each)
    return list(totals.items())
