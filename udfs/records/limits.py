"""Limits of input records."""

from __future__ import annotations

from dataclasses import dataclass

from state.kernel.times import DAY_MS
from udfs.records.rates import RATES, Rates

IDENTIFIER_CHARACTERS = 256


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits beyond which a record is refused as a mistake.

    Attributes:
        record_bytes: largest size of a value.
        amount: largest amount, in units of the reference currency where it is converted.
        earliest: earliest event time, epoch milliseconds; before it a clock was never set.
        latest: event times are before it whatever the wall clock says, epoch milliseconds.
        ahead_ms: how far an event time may be ahead of the wall clock, milliseconds.
        rates: by which amounts are converted; None leaves amounts as they are.
    """

    record_bytes: int = 1024 * 1024
    amount: float = 1e9
    earliest: int = 946_684_800_000  # 2000-01-01
    latest: int = 4_102_444_800_000  # 2100-01-01
    ahead_ms: int = DAY_MS
    rates: Rates | None = RATES
