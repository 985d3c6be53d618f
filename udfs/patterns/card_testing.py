"""Card testing: small payments to see whether a stolen card works, then a large one that cashes in.

A large payment completes the pattern when, within the hour that ends with it, there is a burst: three or more small
payments within half an hour, none of them with the card at the till. The match names every payment of such bursts and
then the large one. In MATCH_RECOGNIZE's words: ``PATTERN (SMALL{3,} LARGE)`` with anything in between (relaxed
contiguity), ``AFTER MATCH`` keeping the burst, since a thief who got through once comes back: each large payment within
the hour is reported, once.

Why these numbers:

- small, at most 5: testers stay where issuers ask for no second factor and cardholders do not look.
- three within half an hour: a coffee and a sandwich are two, subscription fees come days apart, and scripts take
  seconds. Declined ones count, as most tested cards fail.
- not with the card present: numbers are tested from afar, so a vending machine or a bus gate never makes a burst.
- large, at least 100: so at least 20 times any of the small ones.
- within an hour: a card that works is used before its owner sees the small amounts.

Out of order: payments are placed by event time, so while none arrives more than ``within`` behind the newest payment of
the pattern, and no more than ``REMEMBERED`` of them fall into twice ``within``, exactly the large payments are reported
that would have been in order. A large one whose burst is completed by a late small payment is reported then, in the
match of that small payment, and names what was known at that time.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Any

from udfs.patterns.pattern import Entity, Match, Pattern, Progress, Severity
from udfs.records.transaction import Transaction

MINUTE_MS = 60_000
# About 1.5 kB with UUIDs as ids. A tester who sends more small payments than this pushes out his oldest ones only.
REMEMBERED = 32

# A step in the progress: [event time, kind, transaction id, reported]. Lists compare by time first, and at the same
# millisecond the small payments stand before the large ones, whichever came first.
_SMALL, _LARGE = 0, 1
_TIME, _KIND, _ID, _REPORTED = range(4)
Step = list[Any]


@dataclass(frozen=True, kw_only=True)
class CardTesting(Pattern):
    """Amounts in the payment's own currency, spans in milliseconds; the module says what they are chosen by."""

    id: str = "card_testing"
    version: int = 1
    entity: Entity = Entity.USER
    reason: str = "PATTERN_CARD_TESTING"
    # Challenge: the owner of a card that is only used in an odd way gets through with a second factor.
    score: float = 0.85
    severity: Severity = "high"
    small: float = 5.0
    large: float = 100.0
    at_least: int = 3
    burst_ms: int = 30 * MINUTE_MS
    within_ms: int = 60 * MINUTE_MS

    def touches(self, transaction: Transaction) -> bool:
        """Small from afar, or large."""
        amount = transaction.amount
        return amount >= self.large or (amount <= self.small and transaction.card_present is not True)

    def observe(self, progress: Progress, transaction: Transaction) -> Match | None:
        """See ``Pattern.observe``."""
        if any(step[_ID] == transaction.transaction_id for step in progress):
            return None
        kind = _LARGE if transaction.amount >= self.large else _SMALL
        step = [transaction.event_time, kind, transaction.transaction_id, False]
        insort(progress, step)
        match = self._match(progress, step)
        self._forget(progress)
        return match

    def _match(self, progress: Progress, step: Step) -> Match | None:
        """Report the large payments whose burst is complete now that ``step`` is there."""
        named: list[Step] = []
        for large in [step] if step[_KIND] == _LARGE else self._waiting(progress, step):
            burst = self._burst(progress, large[_TIME])
            if burst:
                large[_REPORTED] = True
                named += [small for small in burst if small not in named]
                named.append(large)
        if not named:
            return None
        return Match(self.id, self.version, tuple(one[_ID] for one in sorted(named)))

    def _waiting(self, progress: Progress, small: Step) -> list[Step]:
        """Unreported large payments that a small one, come late, may be the test for."""
        start = small[_TIME]
        return [
            step
            for step in progress
            if step[_KIND] == _LARGE and not step[_REPORTED] and start <= step[_TIME] <= start + self.within_ms
        ]

    def _burst(self, progress: Progress, end: int) -> list[Step]:
        """Every small payment of the hour up to ``end`` that has enough others within one burst's length."""
        start = end - self.within_ms
        smalls = [step for step in progress if step[_KIND] == _SMALL and start <= step[_TIME] <= end]
        part_of_burst: set[int] = set()
        for first in range(len(smalls) - self.at_least + 1):
            last = first + self.at_least - 1
            if smalls[last][_TIME] - smalls[first][_TIME] <= self.burst_ms:
                part_of_burst.update(range(first, last + 1))
        return [smalls[index] for index in sorted(part_of_burst)]

    def _forget(self, progress: Progress) -> None:
        """Drop what no payment can need that is at most ``within_ms`` late, and the oldest beyond the bound."""
        oldest = progress[-1][_TIME] - 2 * self.within_ms
        kept = 0
        while progress[kept][_TIME] < oldest:
            kept += 1
        del progress[: max(kept, len(progress) - REMEMBERED)]
