"""What a batch adds to the one-minute metrics: totals for each minute and merchant, to be added up by windows."""

from __future__ import annotations

from collections import defaultdict

MINUTE_MS = 60_000

TALLY_COLUMNS = ("transactions", "amount", "alerts", "blocked", "challenged", "monitored", "late", "too_late")
"""What is counted; ``amount`` is a sum in currency units, regardless of currency."""

_ACTIONS = {"block": "blocked", "challenge": "challenged", "monitor": "monitored"}
_TRANSACTIONS, _AMOUNT, _ALERTS, _LATE, _TOO_LATE = (
    TALLY_COLUMNS.index(name) for name in ("transactions", "amount", "alerts", "late", "too_late")
)
_BY_ACTION = {action: TALLY_COLUMNS.index(name) for action, name in _ACTIONS.items()}


class Tally:
    """Totals of one batch.

    Args:
        watermark: event time before the batch, epoch milliseconds: windows before it are closed. A transaction that is
            behind it counts in the minute of the watermark: what is late is counted late, and not lost.
    """

    __slots__ = ("_totals", "_watermark")

    def __init__(self, watermark: int) -> None:
        self._watermark = watermark
        self._totals: defaultdict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0] * len(TALLY_COLUMNS))

    def add(
        self,
        merchant_id: str,
        event_time: int,
        amount: float,
        action: str,
        *,
        alert: bool,
        late: bool,
        too_late: bool,
    ) -> None:
        """Count a decision."""
        moment = max(event_time, self._watermark)
        totals = self._totals[moment - moment % MINUTE_MS, merchant_id]
        totals[_TRANSACTIONS] += 1
        totals[_AMOUNT] += amount
        if alert:
            totals[_ALERTS] += 1
        if late:
            totals[_LATE] += 1
            totals[_TOO_LATE] += too_late
        column = _BY_ACTION.get(action)
        if column is not None:
            totals[column] += 1

    def minutes(self) -> list[int]:
        """Starts of the minutes, epoch milliseconds, one for each row."""
        return [minute for minute, _ in self._totals]

    def clocks(self, watermark: int) -> list[int]:
        """Event time as each row is counted: as before the batch, and at ``watermark`` with the last one.

        Were it there with the first one, all of a batch that spans hours, as after a stand-still, would be counted in
        the last minute.
        """
        rows = len(self._totals)
        return [max(self._watermark, 0)] * (rows - 1) + [watermark] * min(rows, 1)

    def merchants(self) -> list[str]:
        """The merchant of each row."""
        return [merchant for _, merchant in self._totals]

    def column(self, name: str) -> list[float]:
        """One of ``TALLY_COLUMNS``, a value for each row."""
        index = TALLY_COLUMNS.index(name)
        return [totals[index] for totals in self._totals.values()]
