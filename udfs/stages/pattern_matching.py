"""Pattern matching in a stage: feeds a batch to the patterns of its entity, and assigns matches to payments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from udfs.features.user_block import PositionedAccountEvent
from udfs.patterns import Entity, EntityPatterns, Match, PatternSet
from udfs.patterns.compiled import TIME, BufferedEvent, CompiledPattern
from udfs.patterns.match_buffer import MatchBuffer, Progress, in_progress, prune
from udfs.patterns.pending_matches import PendingMatches
from udfs.records.times import AsRead
from udfs.records.transaction import Transaction
from udfs.stages.stage_message import Payment

_transactions = msgspec.json.Decoder(Transaction[AsRead])


class HasProgress(Protocol):
    """A profile that keeps the progress of patterns."""

    @property
    def progress(self) -> dict[str, Progress]:
        """Progress by pattern id; decoding it is costly, so it is read only when an event touches a pattern."""


class PatternMatcher:
    """Matches the patterns of one entity; one instance serves all shards of a stage.

    Args:
        entity: of the stage.
        lateness_ms: an event at most this late is matched exactly, milliseconds.

    Attributes:
        evicted: buffered events that newer ones displaced since the start.
        search_truncated: searches that were cut off at their budget since the start.
    """

    def __init__(self, entity: Entity, lateness_ms: int) -> None:
        self.entity = entity
        self.lateness_ms = lateness_ms
        self.evicted = 0
        self.search_truncated = 0

    def batch(
        self,
        profile_of: Callable[[str], HasProgress],
        pending: PendingMatches,
        patterns: PatternSet,
        watermark: int,
    ) -> BatchMatcher:
        """Begin a batch of a shard.

        Args:
            profile_of: gives the profile of an entity of the shard.
            pending: of the shard.
            patterns: in force.
            watermark: of the shard before the batch, epoch milliseconds.
        """
        return BatchMatcher(self, patterns.of(self.entity), pending, profile_of, watermark)


class BatchMatcher:
    """Matches one batch of one shard; ``PatternMatcher.batch`` makes it."""

    def __init__(
        self,
        matcher: PatternMatcher,
        patterns: EntityPatterns,
        pending: PendingMatches,
        profile_of: Callable[[str], HasProgress],
        watermark: int,
    ) -> None:
        self._matcher = matcher
        self._patterns = patterns
        self._pending = pending
        self._profile_of = profile_of
        self._watermark = watermark
        self._pruned_for: object = None

    def observe(
        self,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        features: NDArray[np.float64],
        account_events: Iterable[PositionedAccountEvent] = (),
    ) -> list[tuple[Match, ...]]:
        """Feed a batch to the patterns.

        Args:
            entity_ids: of the payments, (n,).
            payments: n transactions or payments, in order of processing.
            features: of the payments, (n, F) of the stage.
            account_events: of the batch, in order of processing.

        Returns:
            Matches to report with each payment: those that it completed, and pending matches of its entity.
        """
        matches: defaultdict[int, list[Match]] = defaultdict(list)
        if self._pending.has_matches:
            for row, entity_id in enumerate(entity_ids):
                matches[row] += self._pending.pop_matches(entity_id, payments[row].event_time)
        events = iter(account_events)
        event = next(events, None)
        for row, pattern, buffered in self._patterns.payment_hits(features, self._with_all_fields(payments)):
            while event is not None and event.row <= row:
                self._observe_account_event(event, entity_ids, payments, matches)
                event = next(events, None)
            matches[row] += self._advance(pattern, entity_ids[row], buffered, payments[row])
        while event is not None:
            self._observe_account_event(event, entity_ids, payments, matches)
            event = next(events, None)
        return [tuple(matches[row]) if row in matches else () for row in range(len(payments))]

    def _with_all_fields(self, payments: Sequence[Any]) -> Sequence[Any]:
        """Decode the transactions of payments, if a pattern reads fields that a stage message does not carry."""
        if not self._patterns.needs_records or not payments or not isinstance(payments[0], Payment):
            return payments
        return [_transaction_of(payment) for payment in payments]

    def _observe_account_event(
        self,
        positioned: PositionedAccountEvent,
        entity_ids: Sequence[str],
        payments: Sequence[Any],
        matches: defaultdict[int, list[Match]],
    ) -> None:
        """Feed an account event; a match that it completes is reported with the next payment of its user."""
        user_id = positioned.event.user_id
        for pattern, buffered in self._patterns.account_event_hits(positioned.event):
            for match in self._advance(pattern, user_id, buffered, positioned.event):
                until = positioned.event.event_time + pattern.hold_ms
                rows = (row for row in range(positioned.row, len(payments)) if entity_ids[row] == user_id)
                row = next(rows, None)
                if row is None:
                    self._pending.add(user_id, match, until)
                elif payments[row].event_time <= until:
                    matches[row].append(match)

    def _advance(self, pattern: CompiledPattern, entity_id: str, event: BufferedEvent, record: object) -> list[Match]:
        """Advance a pattern by an event that touches it; ``record`` is the record that the event was made of."""
        matcher = self._matcher
        progress = self._profile_of(entity_id).progress
        # Once for each event, so that eviction does not depend on how events are cut into batches.
        if len(progress) > 1 and record is not self._pruned_for:
            self._pruned_for = record
            prune(progress, self._patterns.by_id, matcher.lateness_ms, event[TIME], self._watermark)
        buffer = MatchBuffer(pattern, progress, matcher.lateness_ms)
        before = buffer.evicted
        matches = buffer.add(event, self._watermark)
        matcher.evicted += buffer.evicted - before
        self._count_truncated(pattern, buffer)
        if pattern.absence_timeout_ms:
            due, registered = buffer.next_timer(), self._pending.timer_of(entity_id)
            if due is not None and (registered is None or due < registered):
                self._pending.register_timer(entity_id, due)
        return matches

    def _count_truncated(self, pattern: CompiledPattern, buffer: MatchBuffer) -> None:
        if buffer.search_truncated:
            self._matcher.search_truncated += buffer.search_truncated
            self._patterns.search_truncated[pattern.pattern.id] += buffer.search_truncated

    def on_watermark(self, watermark: int) -> None:
        """Fire the timers that are due at the watermark after the batch (epoch ms); their matches become pending."""
        patterns = [pattern for pattern in self._patterns.patterns if pattern.absence_timeout_ms]
        for entity_id in self._pending.due_timers(watermark):
            deadlines: list[int] = []
            progress = self._profile_of(entity_id).progress
            for pattern in patterns:
                if not in_progress(pattern, progress):
                    continue
                buffer = MatchBuffer(pattern, progress, self._matcher.lateness_ms)
                for match in buffer.on_watermark(watermark):
                    self._pending.add(entity_id, match, watermark + pattern.hold_ms)
                self._count_truncated(pattern, buffer)
                due = buffer.next_timer()
                deadlines += () if due is None else (due,)
            self._pending.register_timer(entity_id, min(deadlines, default=None))


def _transaction_of(payment: Payment) -> Any:  # noqa: ANN401 - times are as they came, except the event time
    """Decode the transaction of a payment; its event time is the one that was read before."""
    transaction = _transactions.decode(payment.value)
    transaction.event_time = payment.event_time
    return transaction
