"""What a record may be at most."""

from __future__ import annotations

from dataclasses import dataclass

IDENTIFIER_CHARACTERS = 256


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of records; times in epoch milliseconds.

    Attributes:
        record_bytes: of a value.
        amount: in currency units; more is a mistake and not a payment.
        earliest: event times before it are mistakes (a clock that was never set).
        latest: event times after it are mistakes whatever the clock here says.
        ahead_ms: how far an event may be ahead of the wall clock.
    """

    record_bytes: int = 1024 * 1024
    amount: float = 1e9
    earliest: int = 946_684_800_000  # 2000-01-01
    latest: int = 4_102_444_800_000  # 2100-01-01
    ahead_ms: int = 86_400_000
